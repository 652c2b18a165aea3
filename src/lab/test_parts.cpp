// SPDX-License-Identifier: MIT
#include "lab/test_parts.hpp"

#include <algorithm>
#include <charconv>

namespace linstub::lab {
namespace {

constexpr uint64_t memory_for_two = uint64_t{13} << 20; // KiB

} // namespace

std::vector<Part> parts_of(Shape shape, size_t scenarios) {
  std::vector<Part> parts;
  const size_t count = std::min(scenarios, facts_of(shape).parts);
  parts.reserve(count);
  for (size_t index = 0; index < count; index++)
    parts.push_back({.shape = shape, .of = count, .index = index});
  return parts;
}

size_t labs_at_once(std::string_view meminfo) {
  constexpr std::string_view name = "MemAvailable:";
  const size_t at = meminfo.find(name);
  if (at == std::string_view::npos)
    return 1;
  meminfo.remove_prefix(at + name.size());
  meminfo.remove_prefix(std::min(meminfo.find_first_not_of(' '), meminfo.size()));
  uint64_t kibibytes = 0;
  std::from_chars(meminfo.data(), meminfo.data() + meminfo.size(), kibibytes);
  return kibibytes >= memory_for_two ? 2 : 1;
}

std::optional<Part> Deal::take() {
  if (next_ == parts_.size())
    return std::nullopt;
  return parts_[next_++];
}

void Deal::ended(int status) { worst_ = std::max(worst_, status); }

} // namespace linstub::lab
