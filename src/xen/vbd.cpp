// SPDX-License-Identifier: MIT
#include "xen/vbd.hpp"

#include "base/format.hpp"

#include <algorithm>

namespace linstub::xen {
namespace {

constexpr std::string_view prefix = "xvd";
constexpr size_t most_letters = 2;
constexpr uint32_t letters_there_are = 26;

} // namespace

base::Result<std::string> disk_name(size_t number) {
  if (number >= most_disks)
    return base::fail("a stub domain has at most {} disks", most_disks);
  if (number < letters_there_are)
    return base::format("{}{}", prefix, static_cast<char>('a' + number));
  const size_t after = number - letters_there_are + 1; // xvdaa is the state disk
  return base::format("{}{}{}", prefix, static_cast<char>('a' + after / letters_there_are),
                      static_cast<char>('a' + after % letters_there_are));
}

bool is_disk_name(std::string_view name) {
  if (!name.starts_with(prefix))
    return false;
  name.remove_prefix(prefix.size());
  return !name.empty() && name.size() <= most_letters &&
         std::ranges::all_of(name, [](char c) { return c >= 'a' && c <= 'z'; });
}

base::Result<uint32_t> vbd_number(std::string_view name) {
  if (!is_disk_name(name))
    return base::fail("\"{}\" is not the name of a virtual disk", name);
  uint32_t disk = 0;
  for (const char letter : name.substr(prefix.size()))
    disk = disk * letters_there_are + static_cast<uint32_t>(letter - 'a') + 1;
  disk--;
  constexpr uint32_t first_extended = 16; // of Xen's second numbering, which has no majors
  return disk < first_extended ? (202U << 8) | (disk << 4) : (1U << 28) | (disk << 8);
}

} // namespace linstub::xen
