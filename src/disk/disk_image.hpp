// SPDX-License-Identifier: MIT
// Disk images of a guest: what has to be known of them before they are attached to a stub domain.
#pragma once

#include "base/result.hpp"
#include "disk/disk.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace linstub::disk {

// The few fields of a qcow2 header (QEMU's docs/interop/qcow2.txt) that count here. The bytes come
// from the guest's QEMU, so they are hostile.
struct Qcow2Header {
  uint64_t virtual_size = 0;
  uint32_t cluster_bits = 0;
  bool backing_file = false;
};
constexpr size_t qcow2_header_size = 32;
base::Result<Qcow2Header> parse_qcow2(std::span<const std::byte, qcow2_header_size> bytes);

// The largest size that the file of such an image can need, in bytes.
uint64_t largest_file(const Qcow2Header &header);

// Checks that the image is there and usable. A qcow2 file that may grow is made as long as it can
// ever get, as a hole that takes no space: in the stub domain it is a block device, which cannot
// grow.
base::Result<> prepare_disk(const Disk &disk);

} // namespace linstub::disk
