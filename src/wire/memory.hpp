// SPDX-License-Identifier: MIT
// What a stub domain says of its memory (the node data/linstub/memory of wire/paths.hpp).
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace linstub::wire {

struct Memory {
  uint64_t total = 0;     // KiB, without the kernel's text and data
  uint64_t available = 0; // free, or given back by the page cache when it is asked for
  uint64_t least = 0;     // that has been available
  // What of it is used by nobody, by programs as their own, and by files. The rest is the kernel's.
  uint64_t free = 0;
  uint64_t programs = 0;
  uint64_t files = 0;

  bool operator==(const Memory &) const = default;
};

std::string encode(const Memory &memory);

// Strictly: six numbers that can be. What they say may be a lie.
base::Result<Memory> decode_memory(std::string_view text);

} // namespace linstub::wire
