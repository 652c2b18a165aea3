// SPDX-License-Identifier: MIT
#include "dm/announcement.hpp"

#include "base/format.hpp"

#include <vector>

namespace linstub::dm {

// As often, and with the pauses, as QEMU does it after a migration.
std::optional<std::string> announcement(std::span<const plan::Nic> nics, uint32_t pv_nics) {
  std::vector<std::string> names; // as libxl has QEMU call them
  for (const plan::Nic &nic : nics)
    if ((pv_nics >> nic.index & 1) == 0)
      names.push_back(base::format("nic{}", nic.index));
  if (names.empty())
    return std::nullopt;
  return base::format(R"({{"initial":50,"max":550,"rounds":5,"step":100,"interfaces":["{}"]}})",
                      base::join(names, "\",\""));
}

} // namespace linstub::dm
