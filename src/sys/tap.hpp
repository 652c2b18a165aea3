// SPDX-License-Identifier: MIT
// A tap: a link whose other end is a descriptor (Linux' Documentation/networking/tuntap.rst).
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <string>

namespace linstub::sys {

// Makes the link `name`, which is there as long as the descriptor: each read and write of that is
// one Ethernet frame, without a virtio header and without offloads, so a frame on the way to us is
// whole and has its checksums.
base::Result<base::Fd> make_tap(const std::string &name);

} // namespace linstub::sys
