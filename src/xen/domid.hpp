// SPDX-License-Identifier: MIT
// DomId: the number of a domain, and the strict reading of numbers from xenstore.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <format>
#include <string_view>
#include <utility>

namespace linstub::xen {

enum class DomId : uint16_t {};

constexpr DomId dom0{0};
// The first number that is not a domain's (DOMID_FIRST_RESERVED of Xen's public headers).
constexpr uint16_t first_reserved_domid = 0x7ff0;

constexpr uint16_t number(DomId domid) { return std::to_underlying(domid); }

// A decimal number of at most `most`: digits only, no sign, no blanks, no leading zeros.
base::Result<uint64_t> parse_number(std::string_view text, uint64_t most);

// The number of an ordinary domain.
base::Result<DomId> parse_domid(std::string_view text);

} // namespace linstub::xen

template <>
struct std::formatter<linstub::xen::DomId> : std::formatter<uint16_t> {
  template <class Context>
  auto format(linstub::xen::DomId domid, Context &context) const {
    return std::formatter<uint16_t>::format(linstub::xen::number(domid), context);
  }
};
