// SPDX-License-Identifier: MIT
#include "wire/memory.hpp"

#include "wire/words.hpp"

namespace linstub::wire {

namespace {
constexpr uint64_t most = UINT32_MAX; // KiB
}

std::string encode(const Memory &memory) {
  return base::format("{} {} {} {} {} {}", memory.total, memory.available, memory.least,
                      memory.free, memory.programs, memory.files);
}

base::Result<Memory> decode_memory(std::string_view text) {
  std::string_view rest = text;
  const Memory memory{.total = TRY(take_number(rest)),
                      .available = TRY(take_number(rest)),
                      .least = TRY(take_number(rest)),
                      .free = TRY(take_number(rest)),
                      .programs = TRY(take_number(rest)),
                      .files = TRY(take_number(rest))};
  if (memory.total > most || memory.available > memory.total || memory.least > memory.available)
    return base::fail("more memory is left than there is, or can be: {}", encode(memory));
  if (memory.free > most || memory.programs > most || memory.files > most ||
      memory.free + memory.programs + memory.files > memory.total)
    return base::fail("more memory is used than there is, or can be: {}", encode(memory));
  return exactly(memory, text);
}

} // namespace linstub::wire
