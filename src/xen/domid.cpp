// SPDX-License-Identifier: MIT
#include "xen/domid.hpp"

#include "base/log.hpp"

#include <charconv>

namespace linstub::xen {

base::Result<uint64_t> parse_number(std::string_view text, uint64_t most) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool whole = !text.empty() && end == text.data() + text.size() && error == std::errc();
  if (!whole || value > most || (text.size() > 1 && text.front() == '0'))
    return base::fail("\"{}\" is not a number from 0 to {}", base::printable(text, 40), most);
  return value;
}

base::Result<DomId> parse_domid(std::string_view text) {
  uint64_t value = TRY(parse_number(text, first_reserved_domid - 1));
  return DomId{static_cast<uint16_t>(value)};
}

} // namespace linstub::xen
