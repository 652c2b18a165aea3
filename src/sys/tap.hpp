// SPDX-License-Identifier: MIT
// The character device of a macvtap link.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

namespace linstub::sys {

// Opens /dev/tap<link>: each read and write is one Ethernet frame, without a virtio header and
// without offloads, so a frame on the way to us is whole and has its checksums.
base::Result<base::Fd> open_tap(unsigned int link);

} // namespace linstub::sys
