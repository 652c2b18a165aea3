// SPDX-License-Identifier: MIT
#include "disk/disk_size.hpp"

#include "xen/domid.hpp"

#include <algorithm>
#include <array>

namespace linstub::disk {
namespace {

struct Unit {
  char letter;
  std::string_view name;
  unsigned shift;
};
constexpr std::array<Unit, 4> units{{
    {'T', "TiB", 40},
    {'G', "GiB", 30},
    {'M', "MiB", 20},
    {'K', "KiB", 10},
}};

} // namespace

base::Result<uint64_t> parse_size(std::string_view text) {
  const std::string_view whole = text;
  unsigned shift = 0;
  const auto *unit =
      text.empty() ? units.end() : std::ranges::find(units, text.back(), &Unit::letter);
  if (unit != units.end()) {
    shift = unit->shift;
    text.remove_suffix(1);
  }
  auto number = xen::parse_number(text, most_bytes >> shift);
  if (!number || *number == 0)
    return base::fail("\"{}\" is not a size: a number of bytes, or a number with K, M, G or T "
                      "behind it, is",
                      whole);
  return *number << shift;
}

std::string size_text(uint64_t bytes) {
  for (const Unit &unit : units) {
    const uint64_t number = bytes >> unit.shift;
    if (unit.shift >= 20 && number != 0 && number << unit.shift == bytes)
      return base::format("{} {}", number, unit.name);
  }
  return base::format("{} bytes", bytes);
}

} // namespace linstub::disk
