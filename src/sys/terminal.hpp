// Terminals that carry bytes, not lines.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <string>

namespace linstub::sys {

// Opens a terminal, waits not for a carrier, makes it nobody's controlling one, and sets it to raw
// mode before the first byte is read: a cooked one would eat and change bytes.
base::Result<base::Fd> open_raw_terminal(const std::string &path, int flags);

} // namespace linstub::sys
