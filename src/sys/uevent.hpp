// SPDX-License-Identifier: MIT
// Uevents: what the kernel tells of devices that come and go.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

namespace linstub::sys {

// A non-blocking socket that is readable when the kernel has something to tell. Its messages are
// only a reason to look again at /sys.
base::Result<base::Fd> open_uevents();

// Reads and drops all that is there. Losing messages is no error.
void drain_uevents(const base::Fd &socket);

} // namespace linstub::sys
