// SPDX-License-Identifier: MIT
#include "xen/uuid.hpp"

#include "base/log.hpp"

#include <sys/random.h>

namespace linstub::xen {
namespace {

constexpr std::string_view digits = "0123456789abcdef";
constexpr size_t text_length = 36;

constexpr bool is_dash(size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

} // namespace

std::string text(const Uuid &uuid) {
  std::string text;
  for (uint8_t byte : uuid) {
    if (is_dash(text.size()))
      text.push_back('-');
    text.push_back(digits[byte >> 4U]);
    text.push_back(digits[byte & 0xfU]);
  }
  return text;
}

base::Result<Uuid> parse_uuid(std::string_view text) {
  Uuid uuid{};
  size_t digit = 0;
  bool fits = text.size() == text_length;
  for (size_t at = 0; fits && at < text.size(); at++) {
    const size_t value = digits.find(text[at]);
    if (is_dash(at)) {
      fits = text[at] == '-';
    } else if (value == std::string_view::npos) {
      fits = false;
    } else {
      uint8_t &byte = uuid.at(digit++ / 2);
      byte = static_cast<uint8_t>(byte << 4U | value);
    }
  }
  if (!fits)
    return base::fail("\"{}\" is not a UUID", base::printable(text, text_length));
  return uuid;
}

base::Result<Uuid> new_uuid() {
  Uuid uuid{};
  if (::getrandom(uuid.data(), uuid.size(), 0) != static_cast<ssize_t>(uuid.size()))
    return base::fail_errno(errno, "make a UUID");
  constexpr size_t version = 6;
  constexpr size_t variant = 8;
  uuid[version] = static_cast<uint8_t>((uuid[version] & 0x0fU) | 0x40U); // random, by RFC 9562
  uuid[variant] = static_cast<uint8_t>((uuid[variant] & 0x3fU) | 0x80U);
  return uuid;
}

} // namespace linstub::xen
