// SPDX-License-Identifier: MIT
// Media: what is in the guest's CD-ROM drives, and its change while the guest runs (xl cd-insert,
// xl cd-eject; libvirt's change of a CD-ROM).
//
//     eject ─► QEMU lets go ─► answer; the disk is unplugged from the stub domain
//     blockdev-change-medium, of a file that dom0 has passed with add-fd
//           ─► a disk is plugged ─► linstub-init has it ─► QEMU takes it ─► answer
//
// The plan follows, so that the next stub domain of the guest has the same media: the very files
// that were passed, which are held open as long as they are in a drive. No path is looked up again.
//
// Who asked has an answer in time, whatever the stub domain does. If QEMU is silent, the answer is
// that it failed; but QEMU may take the medium yet, so its disk stays plugged, until QEMU says what
// it has done, or goes. Then the plan follows that.
#pragma once

#include "base/deadline.hpp"
#include "base/event_loop.hpp"
#include "disk/kept_file.hpp"
#include "dm/monitor.hpp"
#include "dm/stubdom.hpp"
#include "dm/waiters.hpp"
#include "plan/plan.hpp"
#include "xen/xenstore.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
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
  Media(base::EventLoop &loop, xen::Xenstore &xenstore, Stubdom &stubdom, Monitor &monitors,
        plan::Plan &plan, MediaLimits limits = {})
      : loop_(loop), xenstore_(xenstore), stubdom_(stubdom), monitors_(monitors), plan_(plan),
        limits_(limits) {}

  // QMP's commands eject and blockdev-change-medium, for QEMU in the stub domain. `answer` is
  // called once, now or later. `medium` is the file of dom0 to insert; the caller may close it.
  void eject(xen::DomId stub, const std::string &arguments, const Monitor::Answer &answer);
  void change(xen::DomId stub, const std::string &arguments, const base::Fd &medium,
              const Monitor::Answer &answer);

  // To be called when the stub domain may have said something.
  void look();

  // A medium is on its way in, or a disk on its way out.
  [[nodiscard]] bool busy() const { return insertion_ || leaving_ != 0; }

  // The stub domain is going, and its disks with it: a medium on its way in is not inserted, and
  // who asked for it is told. A disk on its way out is waited for with when_idle().
  void abandon();

  // After abandon(), when the stub domain has gone: the next one does not have its disks.
  void forget() { names_kept_.clear(); }

  // Calls `then` when it is not busy, now or later.
  void when_idle(std::function<void()> then);

private:
  struct Medium {
    uint64_t number; // of the question to QEMU, so that a late answer is known for what it is
    xen::DomId stub;
    std::string drive;
    disk::Disk disk;
  };
  struct Insertion {
    Medium medium;
    Monitor::Answer answer;
    base::EventLoop::Handle deadline;
    bool asked = false; // QEMU, to take it
  };
  base::Result<> insert(xen::DomId stub, const std::string &arguments, const base::Fd &medium,
                        const Monitor::Answer &answer);
  base::Result<bool> is_there();
  void ask_qemu();
  void answered(uint64_t number, const qmp::Reply &reply);
  void answered_late(const qmp::Reply &reply);
  void overdue();
  void inserted();
  void failed(const std::string &why);
  void give_up(const std::string &why, const std::function<void(Medium &medium)> &dispose);
  base::Result<> put_in(Medium medium);
  void take_out(xen::DomId stub, const std::string &vdev);
  void tell_idle();

  base::EventLoop &loop_;
  xen::Xenstore &xenstore_;
  Stubdom &stubdom_;
  Monitor &monitors_;
  plan::Plan &plan_;
  MediaLimits limits_;
  std::optional<Insertion> insertion_;
  std::optional<Medium> undecided_;             // its time has passed, and QEMU has not answered
  std::map<std::string, disk::KeptFile> files_; // of disks that are plugged here, by their names
  uint64_t last_number_ = 0;
  size_t leaving_ = 0;               // disks on their way out
  std::set<std::string> names_kept_; // of disks that were to leave: until forget(), if they do not
  Waiters waiters_;
};

} // namespace linstub::dm
