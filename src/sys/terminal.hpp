// SPDX-License-Identifier: MIT
// Terminals that carry bytes, not lines.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <string>

namespace linstub::sys {

// Opens a terminal, not as the controlling one, and sets it to raw mode before the first byte is
// read: in cooked mode it would swallow and change bytes. O_NONBLOCK in `flags`: it does not wait
// for a carrier.
base::Result<base::Fd> open_raw_terminal(const std::string &path, int flags);

} // namespace linstub::sys
