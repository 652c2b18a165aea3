// SPDX-License-Identifier: MIT
// Media: what is in the guest's CD-ROM drives, and its change while the guest runs (xl cd-insert,
// xl cd-eject; libvirt's change of a CD-ROM).
//
//     eject ─► QEMU lets go ─► answer; the disk is unplugged from the stub domain
//     blockdev-change-medium, of a file that dom0 has passed with add-fd
//           ─► a disk is plugged ─► linstub-init has it ─► QEMU takes it ─► answer
//
// Who asked has an answer in time, whatever the stub domain does. If QEMU is silent, the answer is
// that it failed; but QEMU may take the medium yet, so its disk stays plugged, until QEMU says what
// it has done, or goes.
#pragma once

#include "base/event_loop.hpp"
#include "broker/host.hpp"
#include "dm/monitor.hpp"

#include <functional>
#include <optional>
#include <string>

namespace linstub::dm {

// How long a medium may take. libxl waits for 10 s for an answer, others longer.
struct MediaLimits {
  base::Milliseconds to_plug{8'000};  // until the stub domain has it
  base::Milliseconds to_take{10'000}; // and from then on, until QEMU has taken it
};

class Media {
public:
  // All must outlive it.
  Media(base::EventLoop &loop, broker::Host &host, Monitor &monitors, MediaLimits limits = {})
      : loop_(loop), host_(host), monitors_(monitors), limits_(limits) {}

  // QMP's commands eject and blockdev-change-medium, for QEMU in the stub domain. `answer` is
  // called once, now or later. `medium` is the file of dom0 to insert.
  void eject(const std::string &arguments, const Monitor::Answer &answer);
  void change(const std::string &arguments, const base::Fd &medium, const Monitor::Answer &answer);

  // The stub domain has the medium that was plugged, or says nonsense.
  void there(const base::Result<> &there);

  // A medium is on its way in, or a disk on its way out.
  [[nodiscard]] bool busy() const { return insertion_ || leaving_ != 0; }

  // The stub domain is going, and its disks with it: a medium on its way in is not inserted, and
  // who asked for it is told.
  void abandon();

private:
  struct Insertion {
    uint64_t number = 0;
    std::string drive;
    std::string format;
    std::string vdev; // empty until it is plugged
    Monitor::Answer answer;
    base::EventLoop::Handle deadline;
    bool asked = false; // QEMU, to take it
  };
  base::Result<> insert(const std::string &arguments, const base::Fd &medium,
                        const Monitor::Answer &answer);
  void plugged(uint64_t number, base::Result<std::string> vdev);
  void ask_qemu();
  void answered(uint64_t number, const qmp::Reply &reply);
  void overdue();
  void inserted();
  void failed(const std::string &why);
  void give_up(const std::string &why);
  broker::Done leaving();

  base::EventLoop &loop_;
  broker::Host &host_;
  Monitor &monitors_;
  MediaLimits limits_;
  std::optional<Insertion> insertion_;
  uint64_t undecided_ = 0; // the number of one that QEMU has not answered in time; 0: none
  uint64_t last_insertion_ = 0;
  size_t leaving_ = 0; // disks on their way out
};

} // namespace linstub::dm
