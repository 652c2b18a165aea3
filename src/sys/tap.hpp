// SPDX-License-Identifier: MIT
// A tap: a link whose other end is a descriptor (Linux' Documentation/networking/tuntap.rst).
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <string>

namespace linstub::sys {

// Makes the link `name`, which is there as long as the descriptor: each read and write of that is
// one Ethernet frame behind a virtio header (struct virtio_net_hdr, as QEMU's taps in dom0 have it:
// the state of a virtio NIC says so, hw/net/virtio-net.c). Without offloads until the reader asks
// for them (TUNSETOFFLOAD), so a frame on the way to it is whole and has its checksums.
base::Result<base::Fd> make_tap(const std::string &name);

} // namespace linstub::sys
