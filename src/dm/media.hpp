// SPDX-License-Identifier: MIT
// Media: what is in the guest's CD-ROM drives, and its change while the guest runs (xl cd-insert,
// xl cd-eject; libvirt's change of a CD-ROM).
//
//     eject ─► QEMU lets go ─► answer; the disk is unplugged from the stub domain
//     blockdev-change-medium, of a file that dom0 has passed with add-fd
//           ─► a disk is plugged ─► linstub-init has it ─► QEMU takes it ─► answer
//
// The plan follows, so that the next stub domain of the guest has the same media.
#pragma once

#include "base/event_loop.hpp"
#include "dm/monitor.hpp"
#include "dm/stubdom.hpp"
#include "dm/waiters.hpp"
#include "plan/plan.hpp"
#include "xen/xenstore.hpp"

#include <functional>
#include <optional>
#include <set>
#include <string>

namespace linstub::dm {

class Media {
public:
  // All must outlive it.
  Media(base::EventLoop &loop, xen::Xenstore &xenstore, Stubdom &stubdom, Monitor &monitors,
        plan::Plan &plan)
      : loop_(loop), xenstore_(xenstore), stubdom_(stubdom), monitors_(monitors), plan_(plan) {}

  // QMP's commands eject and blockdev-change-medium, for QEMU in the stub domain. `answer` is
  // called once, now or later. `medium` is the file of dom0 to insert.
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

  // The stub domain has gone: the next one does not have its disks.
  void forget() { names_kept_.clear(); }

  // Calls `then` when it is not busy, now or later.
  void when_idle(std::function<void()> then);

private:
  struct Insertion {
    xen::DomId stub;
    std::string drive;
    disk::Disk disk;
    Monitor::Answer answer;
    base::EventLoop::Handle deadline;
    bool asked = false; // QEMU, to take it
  };
  base::Result<> insert(xen::DomId stub, const std::string &arguments, const base::Fd &medium,
                        const Monitor::Answer &answer);
  base::Result<bool> is_there();
  void ask_qemu();
  void inserted();
  void failed(const std::string &why);
  void give_up(const std::string &why);
  void take_out(xen::DomId stub, const std::string &vdev);
  void tell_idle();

  base::EventLoop &loop_;
  xen::Xenstore &xenstore_;
  Stubdom &stubdom_;
  Monitor &monitors_;
  plan::Plan &plan_;
  std::optional<Insertion> insertion_;
  size_t leaving_ = 0;               // disks on their way out
  std::set<std::string> names_kept_; // of disks that were to leave: until forget(), if they do not
  Waiters waiters_;
};

} // namespace linstub::dm
