// SPDX-License-Identifier: MIT
// Loop devices of dom0.
#pragma once

#include "base/result.hpp"

#include <string>

namespace linstub::disk {

enum class LoopAccess { read_only, read_write };

// A new loop device over a file; its path. It lives until remove_loop().
base::Result<std::string> make_loop(const std::string &file, LoopAccess access);

// Detaches it, as soon as nobody uses it any more. That it is detached already is no error.
base::Result<> remove_loop(const std::string &device);

} // namespace linstub::disk
