// SPDX-License-Identifier: MIT
#include "dm/announcement.hpp"

#include "base/format.hpp"
#include "qmp/human_policy.hpp"

#include <algorithm>

namespace linstub::dm {
namespace {

constexpr size_t most_nics = 16;
constexpr size_t longest_name = 32;

} // namespace

std::vector<std::string> nics_in(std::string_view info) {
  std::vector<std::string> nics;
  while (!info.empty() && nics.size() < most_nics) {
    const size_t end = info.find_first_of("\r\n");
    const std::string_view line = info.substr(0, end);
    info.remove_prefix(std::min(info.size(), line.size() + 1));
    const size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    if (colon != std::string_view::npos && name.size() <= longest_name &&
        qmp::is_plain_name(name) && line.contains(",type=nic,"))
      nics.emplace_back(name);
  }
  return nics;
}

// As often, and with the pauses, as QEMU does it after a migration.
std::string announcement(const std::vector<std::string> &nics) {
  return base::format(R"({{"initial":50,"max":550,"rounds":5,"step":100,"interfaces":["{}"]}})",
                      base::join(nics, "\",\""));
}

} // namespace linstub::dm
