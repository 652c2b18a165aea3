// SPDX-License-Identifier: MIT
#include "dm/announcement.hpp"

#include "base/format.hpp"

#include <algorithm>

namespace linstub::dm {
namespace {

constexpr size_t most_nics = 16;
constexpr size_t longest_name = 32;

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

} // namespace

std::vector<std::string> nics_in(std::string_view info) {
  std::vector<std::string> nics;
  while (!info.empty() && nics.size() < most_nics) {
    const size_t end = info.find_first_of("\r\n");
    const std::string_view line = info.substr(0, end);
    info.remove_prefix(std::min(info.size(), line.size() + 1));
    const size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    if (colon != std::string_view::npos && !name.empty() && name.size() <= longest_name &&
        std::ranges::all_of(name, is_plain) && line.contains(",type=nic,"))
      nics.emplace_back(name);
  }
  return nics;
}

// As often, and with the pauses, as QEMU does it after a migration.
std::string announcement(const std::vector<std::string> &nics) {
  std::string list;
  for (const std::string &nic : nics)
    list += base::format("{}\"{}\"", list.empty() ? "" : ",", nic);
  return base::format(R"({{"initial":50,"max":550,"rounds":5,"step":100,"interfaces":[{}]}})",
                      list);
}

} // namespace linstub::dm
