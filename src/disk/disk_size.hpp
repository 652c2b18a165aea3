// SPDX-License-Identifier: MIT
// Sizes of disks as people write and read them.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace linstub::disk {

// The largest size that is ever read, in bytes. What a qcow2 image can address is far below it.
constexpr uint64_t most_bytes = (uint64_t{1} << 60) - 1;

// Bytes: a number, or one with K, M, G or T behind it, as qemu-img takes it ("20G"). An error for
// anything else, 0, and more than most_bytes.
base::Result<uint64_t> parse_size(std::string_view text);

// For sentences: "20 GiB", or "20971521 bytes" for what is not a whole number of MiB.
std::string size_text(uint64_t bytes);

} // namespace linstub::disk
