// SPDX-License-Identifier: MIT
// What a stub domain says of its memory (the node data/linstub/memory of wire/paths.hpp).
#pragma once

#include "base/result.hpp"

#include <cstddef>
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

// What a stub domain may have more than it was made with, in MiB, while that many viewers look at
// its guest's screen, of which the largest has `screen` MiB: a copy of it, and two for each viewer.
// Further ones share that.
constexpr uint32_t memory_for_viewers(uint32_t screen, size_t viewers) {
  constexpr size_t most_viewers = 3;
  if (viewers == 0)
    return 0;
  return screen * static_cast<uint32_t>(1 + 2 * (viewers < most_viewers ? viewers : most_viewers));
}
constexpr uint32_t most_memory_for_viewers(uint32_t screen) {
  return memory_for_viewers(screen, SIZE_MAX);
}

// QEMU's VNC server shows no larger screen than 5120x2160 (its ui/vnc.h), of four bytes a pixel.
constexpr uint32_t largest_screen = 43; // MiB

// A guest has at most so much video memory (plan/arguments.cpp), and a stub domain that restores it
// as much more memory for the time.
constexpr uint32_t most_restore_memory = 512; // MiB

} // namespace linstub::wire
