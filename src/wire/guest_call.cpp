// SPDX-License-Identifier: MIT
#include "wire/guest_call.hpp"

#include "wire/words.hpp"

namespace linstub::wire {
namespace {

constexpr std::string_view populate = "populate";
constexpr std::string_view s_state = "s-state";
constexpr int most_errno = 4095;

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
