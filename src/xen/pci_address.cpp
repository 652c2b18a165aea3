// SPDX-License-Identifier: MIT
#include "xen/pci_address.hpp"

#include "base/log.hpp"

#include <array>
#include <charconv>

namespace linstub::xen {
namespace {

struct Field {
  size_t digits = 0;
  char end = '\0'; // what stands behind it
  uint16_t most = 0;
};
constexpr std::array<Field, 3> fields{{{4, ':', 0xffff}, {2, ':', 0xff}, {2, '.', 31}}};
constexpr uint16_t most_functions = 7;

// A hexadecimal number of exactly these digits.
bool parse_hex(std::string_view digits, uint16_t most, uint16_t &value) {
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return error == std::errc() && end == digits.data() + digits.size() && value <= most;
}

bool parse(std::string_view text, std::array<uint16_t, 4> &values) {
  size_t at = 0;
  for (size_t i = 0; i < fields.size(); i++) {
    const Field &field = fields.at(i);
    if (text.size() <= at + field.digits || text[at + field.digits] != field.end ||
        !parse_hex(text.substr(at, field.digits), field.most, values.at(i)))
      return false;
    at += field.digits + 1;
  }
  std::string_view function = text.substr(at);
  return (function.size() == 1 || function.size() == 2) &&
         parse_hex(function, most_functions, values.back());
}

} // namespace

std::string text(const PciAddress &address) {
  return base::format("{:04x}:{:02x}:{:02x}.{}", address.domain, address.bus, address.device,
                      address.function);
}

base::Result<PciAddress> parse_pci_address(std::string_view text) {
  std::array<uint16_t, 4> values{};
  if (!parse(text, values))
    return base::fail("\"{}\" is not the address of a PCI device, like 0000:00:10.0",
                      base::printable(text, 40));
  return PciAddress{.domain = values[0],
                    .bus = static_cast<uint8_t>(values[1]),
                    .device = static_cast<uint8_t>(values[2]),
                    .function = static_cast<uint8_t>(values[3])};
}

} // namespace linstub::xen
