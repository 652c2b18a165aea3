// SPDX-License-Identifier: MIT
#include "pci/page_sharing.hpp"

#include "base/log.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

namespace linstub::pci {
namespace {

constexpr uint64_t page = 4096;
constexpr size_t blanks_a_level = 2;
constexpr size_t deepest = 64; // Linux shows five levels
constexpr size_t longest_name = 60;

struct Resource {
  size_t depth = 0;
  uint64_t first = 0;
  uint64_t last = 0;
  std::string_view name;
};

// A hexadecimal number without a prefix, and `end` behind it.
bool take(std::string_view &line, std::string_view end, uint64_t &value) {
  auto [behind, error] = std::from_chars(line.data(), line.data() + line.size(), value, 16);
  line.remove_prefix(static_cast<size_t>(behind - line.data()));
  if (error != std::errc() || !line.starts_with(end))
    return false;
  line.remove_prefix(end.size());
  return true;
}

std::optional<Resource> parse(std::string_view line) {
  Resource one;
  const size_t blanks = std::min(line.find_first_not_of(' '), line.size());
  one.depth = blanks / blanks_a_level;
  line.remove_prefix(blanks);
  if (one.depth > deepest || blanks % blanks_a_level != 0 || !take(line, "-", one.first) ||
      !take(line, " : ", one.last) || one.last < one.first)
    return std::nullopt;
  one.name = line;
  return one;
}

bool contains(const Resource &outer, uint64_t first, uint64_t last) {
  return outer.first <= first && last <= outer.last;
}

std::string shown(const Resource &one) {
  return base::format("\"{}\" ({:#x} to {:#x})", base::printable(one.name, longest_name), one.first,
                      one.last);
}

} // namespace

bool fills_its_pages(const PciRange &range) {
  return range.first % page == 0 && range.size % page == 0;
}

base::Result<> check_pages_unshared(std::string_view iomem, const xen::PciAddress &address,
                                    const PciRange &range) {
  if (range.space != PciSpace::memory || fills_its_pages(range))
    return {};
  const std::string own_name = xen::text(address);
  const uint64_t last = range.first + (range.size - 1);
  const uint64_t first_of_pages = range.first / page * page;
  const uint64_t last_of_pages = last | (page - 1);

  std::vector<Resource> around;     // what this line lies in
  std::vector<Resource> neighbours; // what lies in the pages
  std::optional<size_t> own_depth;  // of the device's line, as long as lines lie in it
  bool found = false;
  std::vector<Resource> own_parents;
  while (!iomem.empty()) {
    std::string_view line = iomem.substr(0, iomem.find('\n'));
    iomem.remove_prefix(std::min(iomem.size(), line.size() + 1));
    auto one = parse(line);
    if (!one || one->depth > around.size())
      return base::fail("\"{}\" is no line of /proc/iomem", base::printable(line, longest_name));
    around.resize(one->depth);
    if (own_depth && one->depth <= *own_depth)
      own_depth.reset();
    const bool own = one->name == own_name;
    if (own && contains(*one, range.first, last) && !found) {
      found = true;
      own_depth = one->depth;
      own_parents = around;
    }
    around.push_back(*one);
    const bool overlaps = one->first <= last_of_pages && first_of_pages <= one->last;
    if (overlaps && !own && !own_depth)
      neighbours.push_back(*one);
  }
  if (!found)
    return base::fail(
        "its memory at {:#x} does not fill a page, and /proc/iomem does not show what "
        "lies in the rest of it",
        range.first);
  for (const Resource &one : neighbours) {
    auto same = [&](const Resource &parent) {
      return parent.first == one.first && parent.last == one.last && parent.name == one.name &&
             parent.depth == one.depth;
    };
    if (std::ranges::none_of(own_parents, same))
      return base::fail("its memory at {:#x} shares a page with {}, which would be given away with "
                        "it (Linux in dom0 moves the two apart with "
                        "pci=resource_alignment=, given the addresses of both)",
                        range.first, shown(one));
  }
  return {};
}

} // namespace linstub::pci
