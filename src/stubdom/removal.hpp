// SPDX-License-Identifier: MIT
// Removing a stub domain that may do all it can not to be removed. libxl's way takes down a domain
// in good order, but it waits on the way: for each device's backend, 10 s for it to close and 40 s
// for its hotplug script (libxl_internal.h), and it runs no script for a backend that has not
// closed. So:
//
//   1. the domain is stopped
//   2. libxl destroys it, in a process that is ended when its time is over
//   3. once more: what is done already need not be done again
//   4. its devices and nodes are removed from xenstore, so that the kernel's backends let go, and
//   Xen
//      ends it: that asks nobody
//   5. what it still has in dom0 is removed: backends, loop devices
//
// What it has in dom0 is taken from dom0's own nodes, before anything is removed.
#pragma once

#include "base/deadline.hpp"
#include "base/result.hpp"
#include "xen/control.hpp"
#include "xen/domid.hpp"
#include "xen/xenstore.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace linstub::stubdom {

// How long each step may take.
struct RemovalTimes {
  base::Milliseconds first{30'000};
  base::Milliseconds second{20'000};
  base::Milliseconds last{10'000}; // Xen gives back its memory
};

// What a domain has in dom0.
struct Belongings {
  struct Loop {
    std::string device;
    uint64_t use = 0; // disk::loop_use(): another one is somebody else's
  };
  std::vector<Loop> loops;
  std::string vm; // /vm/<UUID>; empty if there is none

  static base::Result<Belongings> of(xen::DomId domid, xen::Xenstore &xenstore);
};

// It does not run, never will, and has given back what was its own. (Of a domain like that Xen
// tells for as long as somebody maps its memory, as its linstub-dm does.)
base::Result<bool> is_gone(xen::DomId domid, xen::Control &control);

// Destroys it by libxl; returns when that is done, or the deadline has passed.
using DestroyByLibxl = std::function<base::Result<>(xen::DomId domid, base::Deadline deadline)>;

// An error if it is not gone after all that: then it can be tried again.
base::Result<> remove_domain(xen::DomId domid, const Belongings &belongings, xen::Control &control,
                             xen::Xenstore &xenstore, const DestroyByLibxl &destroy,
                             const RemovalTimes &times = {});

} // namespace linstub::stubdom
