// SPDX-License-Identifier: MIT
// What the device model process is left with: a user of its own, no capability, an empty root
// directory, no network but the sockets that are open, small limits, and a short list of system
// calls. It reads and writes what it has open, and opens nothing.
//
// Landlock would add nothing: it restricts paths and TCP ports, and there is no call left that
// takes one.
#pragma once

#include "base/result.hpp"
#include "sys/call_filter.hpp"
#include "xen/domid.hpp"

#include <sys/resource.h>
#include <sys/types.h>

#include <span>

namespace linstub::dm {

// The user and group of a guest's device model process: first_user and the guest's domid. No one
// hands out numbers of that range (systemd's UIDS-GIDS lists those that are in use). Those that
// follow are the displays' (display/confinement.hpp).
constexpr uid_t first_user = 1'950'000'000;

// Beyond these lies nothing that a device model needs.
constexpr rlim_t most_descriptors = 256;
constexpr rlim_t most_memory = rlim_t{256} << 20; // bytes of data

// The system calls that it may make.
std::span<const sys::AllowedCall> allowed_calls();

// For good. Descriptors stay as they are. No file grows beyond `largest_file` bytes by what the
// process writes.
base::Result<> confine(xen::DomId guest, rlim_t largest_file);

} // namespace linstub::dm
