// SPDX-License-Identifier: MIT
// Who has a file or block device open, for sentences.
#pragma once

#include "base/fd.hpp"

#include <string>

namespace linstub::disk {

// The other processes that have it open, from /proc: "qemu-img (process 812)"; a device model by
// its guest: "guest web (process 4711)". "somebody" if none can be seen.
std::string users_of(const base::Fd &file);

} // namespace linstub::disk
