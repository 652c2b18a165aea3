// SPDX-License-Identifier: MIT
// LeavingDisks: disks of PV drivers that are about to be taken out of the stub domain. QEMU says
// that such a disk's backend is closed before it has closed the image, and what it writes then
// would be lost; so linstub-init is asked whether the disk may go (wire/leaving_disks.hpp,
// stub/released_disks.hpp).
//
// What the answer says is the stub domain's word: it decides how long dom0 waits, at most
// `release_timeout`, for a disk to which that stub domain can write in any case.
#pragma once

#include "base/event_loop.hpp"
#include "broker/host.hpp"
#include "xen/domid.hpp"
#include "xen/xenstore.hpp"

#include <optional>
#include <string>
#include <vector>

namespace linstub::broker {

// For what QEMU writes when it closes an image, and what the stub domain has in its page cache.
constexpr base::Milliseconds release_timeout{30'000};

class LeavingDisks {
public:
  // All must outlive it. `timeout` is how long a disk is waited for.
  LeavingDisks(base::EventLoop &loop, xen::Xenstore &xenstore,
               base::Milliseconds timeout = release_timeout)
      : loop_(loop), xenstore_(xenstore), timeout_(timeout) {}

  // Calls `may_go` once: when the stub domain lets the disk go; when it has not in time, with a
  // warning; at once when it cannot be asked, as one with an older image. With an error if it is
  // dropped.
  void await(xen::DomId stub, const std::string &vdev, Done may_go);

  // The stub domain has said something.
  void look();

  // The stub domain is going, with all its disks: those that are waited for do not go by
  // themselves.
  void drop();

private:
  struct Leaving {
    std::string vdev;
    Done may_go;
    base::EventLoop::Handle timer;
  };
  [[nodiscard]] std::string node(const char *name) const;
  base::Result<> ask();
  base::Result<std::vector<std::string>> released();
  void give_up(const std::string &vdev);
  void let_go(const std::vector<std::string> &names);

  base::EventLoop &loop_;
  xen::Xenstore &xenstore_;
  base::Milliseconds timeout_;
  xen::DomId stub_{};
  std::vector<Leaving> leaving_;
  uint64_t serial_ = 0; // of the last question
};

} // namespace linstub::broker
