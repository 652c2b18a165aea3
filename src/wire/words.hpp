// SPDX-License-Identifier: MIT
// Words and decimal numbers with one blank between, as the values of xenstore nodes have them. Who
// reads such a text writes what he has read and compares: so a text means one thing, and is written
// in one way.
#pragma once

#include "base/log.hpp"
#include "base/result.hpp"

#include <charconv>
#include <cstdint>
#include <string_view>

namespace linstub::wire {

// The text up to a blank, or all of it; removes both.
inline std::string_view take_word(std::string_view &text) {
  const size_t blank = text.find(' ');
  const std::string_view word = text.substr(0, blank);
  text.remove_prefix(blank == std::string_view::npos ? text.size() : blank + 1);
  return word;
}

inline base::Result<uint64_t> take_number(std::string_view &text) {
  const std::string_view word = take_word(text);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size())
    return base::fail("\"{}\" is not a number", base::printable(word, 32));
  return number;
}

// `value`, if it is written as that text: no second blank, no leading zero, nothing behind it.
template <class Value>
base::Result<Value> exactly(Value value, std::string_view text) {
  if (encode(value) != text)
    return base::fail("\"{}\" is not written as it should be", base::printable(text, 80));
  return value;
}

} // namespace linstub::wire
