// SPDX-License-Identifier: MIT
// What the display's processes are left with: a user of their own, no capability, an empty root
// directory, no network but the sockets that are open. The one that reads what a stub domain says
// may make processes, one for each viewer; these may not, cannot write to the screen, and open
// nothing.
#pragma once

#include "base/result.hpp"
#include "sys/call_filter.hpp"
#include "xen/domid.hpp"

#include <sys/resource.h>
#include <sys/types.h>

#include <span>

namespace linstub::display {

// The user and group of a guest's display: first_user and the guest's domid. Another one than that
// of its device model process, which lies below (dm/confinement.hpp).
constexpr uid_t first_user = 1'950'032'768;

constexpr rlim_t most_descriptors = 128;
constexpr rlim_t most_memory = rlim_t{192} << 20; // bytes of data, of each process

// The system calls of the two.
std::span<const sys::AllowedCall> display_calls();
std::span<const sys::AllowedCall> viewer_calls();

// For good. `most_processes` counts the caller.
base::Result<> confine_display(xen::DomId guest, rlim_t most_processes);
base::Result<> confine_viewer();

} // namespace linstub::display
