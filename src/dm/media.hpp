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
#include "dm/fd_sets.hpp"
#include "dm/helper.hpp"
#include "dm/monitor.hpp"
#include "plan/plan.hpp"
#include "xen/xenstore.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace linstub::dm {

class Media {
public:
  // All must outlive it.
  Media(base::EventLoop &loop, xen::Xenstore &xenstore, Monitors &monitors, plan::Plan &plan,
        const FdSets &files)
      : loop_(loop), xenstore_(xenstore), monitors_(monitors), plan_(plan), files_(files) {}

  // QMP's commands of these names, for QEMU in the stub domain. `answer` is called once, now or
  // later.
  void eject(xen::DomId stub, const std::string &arguments, const Monitors::Answer &answer);
  void change(xen::DomId stub, const std::string &arguments, const Monitors::Answer &answer);

  // To be called when the stub domain may have said something.
  void look();

  // A medium is on its way in, or a disk on its way out.
  [[nodiscard]] bool busy() const { return insertion_ || !leaving_.empty(); }

  // The stub domain is going, and its disks with it: what is on its way in fails. A disk on its way
  // out is waited for with when_idle().
  void abandon();

  // The stub domain has gone: another one has no disks of its.
  void forget() { names_kept_.clear(); }

  // Calls `then` when it is not busy, now or later.
  void when_idle(std::function<void()> then);

private:
  struct Insertion {
    xen::DomId stub;
    std::string drive;
    disk::Disk disk;
    Monitors::Answer answer;
    base::EventLoop::Handle deadline;
    bool asked = false; // QEMU, to take it
  };
  base::Result<> insert(xen::DomId stub, const std::string &arguments,
                        const Monitors::Answer &answer);
  base::Result<bool> is_there();
  void ask_qemu();
  void inserted();
  void failed(const std::string &why);
  void give_up(const std::string &why);
  void take_out(xen::DomId stub, const std::string &vdev);
  void settle();

  base::EventLoop &loop_;
  xen::Xenstore &xenstore_;
  Monitors &monitors_;
  plan::Plan &plan_;
  const FdSets &files_;
  std::optional<Insertion> insertion_;
  std::map<std::string, std::unique_ptr<Helper>> leaving_; // by name
  std::set<std::string> names_kept_; // of disks that were to leave: until forget(), if they do not
  std::function<void()> when_idle_;
};

} // namespace linstub::dm
