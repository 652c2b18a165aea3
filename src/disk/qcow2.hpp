// SPDX-License-Identifier: MIT
// The header of a qcow2 image (QEMU's docs/interop/qcow2.txt), as far as it counts in dom0. The
// guest's QEMU has written it, so it is hostile: it is compared, and nothing in it is ever opened.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace linstub::disk {

struct Qcow2Header {
  uint32_t snapshots = 0;    // that are in it
  uint64_t virtual_size = 0; // bytes that the guest's disk has; at most largest_qcow2
};
constexpr size_t qcow2_header_size = 104;
constexpr uint64_t largest_qcow2 = uint64_t{1} << 56; // what its tables can address

// An error for what is no such image, and for one that QEMU in a stub domain cannot serve: with a
// backing file, an external data file, encryption, or a feature that is not known here.
base::Result<Qcow2Header> parse_qcow2(std::span<const std::byte, qcow2_header_size> bytes);

} // namespace linstub::disk
