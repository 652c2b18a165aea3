// SPDX-License-Identifier: MIT
// PciAddress: where a PCI device is: domain (segment), bus, device and function.
#pragma once

#include "base/result.hpp"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace linstub::xen {

struct PciAddress {
  uint16_t domain = 0;
  uint8_t bus = 0;
  uint8_t device = 0;   // at most 31
  uint8_t function = 0; // at most 7

  auto operator<=>(const PciAddress &) const = default;
};

// "0000:00:10.0", as Linux names it in sysfs.
std::string text(const PciAddress &address);

// Strictly that form, in upper or lower case. xen-pciback writes the function of a device's address
// in the stub domain with two digits ("0000:00:00.00"): that is taken too.
base::Result<PciAddress> parse_pci_address(std::string_view text);

} // namespace linstub::xen
