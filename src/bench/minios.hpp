// SPDX-License-Identifier: MIT
// The files of the contender `minios`, which nobody but its user has: Xen 4.20 is the last release
// that knows MiniOS stub domains, and Debian ships none of the three.
#pragma once

#include "base/result.hpp"
#include "lab/host.hpp"

#include <filesystem>

namespace linstub::bench {

// Whether the directory has them all; the error says what is missing, and what it is.
base::Result<> check_minios(const std::filesystem::path &directory);

// Puts them where a guest's configuration and libxl look for them; the error says so if there is
// another file already.
base::Result<> put_minios(const lab::Host &host, const std::filesystem::path &directory);

// Takes away what has been put there.
base::Result<> remove_minios(const lab::Host &host);

} // namespace linstub::bench
