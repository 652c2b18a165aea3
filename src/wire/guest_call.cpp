// SPDX-License-Identifier: MIT
#include "wire/guest_call.hpp"

#include "base/log.hpp"

#include <charconv>

namespace linstub::wire {
namespace {

constexpr std::string_view populate = "populate";
constexpr std::string_view s_state = "s-state";
constexpr int most_errno = 4095;

// The text up to a blank, or all of it; removes both.
std::string_view take_word(std::string_view &text) {
  const size_t blank = text.find(' ');
  const std::string_view word = text.substr(0, blank);
  text.remove_prefix(blank == std::string_view::npos ? text.size() : blank + 1);
  return word;
}

base::Result<uint64_t> take_number(std::string_view &text) {
  const std::string_view word = take_word(text);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size())
    return base::fail("\"{}\" is not a number", base::printable(word, 32));
  return number;
}

// A text means what is written as that text, and nothing else: no second blank, no leading zero.
template <class Value>
base::Result<Value> exactly(Value value, std::string_view text) {
  if (encode(value) != text)
    return base::fail("\"{}\" is not written as it should be", base::printable(text, 80));
  return value;
}

} // namespace

std::string encode(const GuestCall &call) {
  if (call.kind == GuestCall::Kind::s_state)
    return base::format("{} {}", s_state, call.first);
  return base::format("{} {} {}", populate, call.first, call.count);
}

base::Result<GuestCall> decode_guest_call(std::string_view text) {
  std::string_view rest = text;
  const std::string_view word = take_word(rest);
  if (word != populate && word != s_state)
    return base::fail("\"{}\" is no call for the guest", base::printable(word, 32));
  GuestCall call{.kind = word == populate ? GuestCall::Kind::populate : GuestCall::Kind::s_state,
                 .first = TRY(take_number(rest)),
                 .count = 0};
  if (call.kind == GuestCall::Kind::populate)
    call.count = TRY(take_number(rest));
  return exactly(call, text);
}

std::string encode(const NumberedCall &call) {
  return base::format("{} {}", call.serial, encode(call.call));
}

base::Result<NumberedCall> decode_numbered_call(std::string_view text) {
  std::string_view rest = text;
  const uint64_t serial = TRY(take_number(rest));
  return exactly(NumberedCall{serial, TRY(decode_guest_call(rest))}, text);
}

std::string encode(const CallAnswer &answer) {
  return base::format("{} {}", answer.serial, answer.error);
}

base::Result<CallAnswer> decode_call_answer(std::string_view text) {
  std::string_view rest = text;
  CallAnswer answer{.serial = TRY(take_number(rest)), .error = 0};
  const uint64_t error = TRY(take_number(rest));
  if (error > most_errno)
    return base::fail("{} is no error's number", error);
  answer.error = static_cast<int>(error);
  return exactly(answer, text);
}

} // namespace linstub::wire
