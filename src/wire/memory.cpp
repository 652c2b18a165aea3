// SPDX-License-Identifier: MIT
#include "wire/memory.hpp"

#include <array>
#include <charconv>

namespace linstub::wire {

namespace {
constexpr uint64_t most = UINT32_MAX; // KiB
}

std::string encode(const Memory &memory) {
  return base::format("{} {} {}", memory.total, memory.available, memory.least);
}

base::Result<Memory> decode_memory(const std::string_view whole) {
  std::string_view text = whole;
  std::array<uint64_t, 3> numbers{};
  for (size_t i = 0; i < numbers.size(); i++) {
    const char *end = text.data() + text.size();
    const auto [rest, error] =
        std::from_chars(text.data(), text.data() + text.size(), numbers.at(i));
    const bool is_last = i + 1 == numbers.size();
    if (error != std::errc() || numbers.at(i) > most ||
        (is_last ? rest != end : rest == end || *rest != ' '))
      return base::fail("the memory is not three numbers of KiB");
    text.remove_prefix(static_cast<size_t>(rest - text.data()) + (is_last ? 0 : 1));
  }
  const Memory memory{numbers[0], numbers[1], numbers[2]};
  if (encode(memory) != whole)
    return base::fail("the memory has zeros before a number");
  if (memory.available > memory.total || memory.least > memory.available)
    return base::fail("more memory is left than there is: {}", encode(memory));
  return memory;
}

} // namespace linstub::wire
