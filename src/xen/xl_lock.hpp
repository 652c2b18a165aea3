// SPDX-License-Identifier: MIT
// The lock that xl holds from when it looks for a domain's memory until it has made the domain
// (xl_vmcontrol.c, acquire_lock()): who takes memory without it takes what xl counts on.
#pragma once

#include "base/deadline.hpp"
#include "base/fd.hpp"

namespace linstub::xen {

// Held as long as the descriptor is there, and no other descriptor of the file is closed by this
// process. Code ETIMEDOUT if xl has it all the time.
base::Result<base::Fd> lock_xl(base::Deadline deadline);

} // namespace linstub::xen
