// SPDX-License-Identifier: MIT
#include "wire/guest_call.hpp"

#include <gmock/gmock.h>

namespace linstub::wire {
namespace {

using Kind = GuestCall::Kind;
using testing::HasSubstr;

TEST(GuestCallTest, IsReadAsItWasWritten) {
  const GuestCall memory{.kind = Kind::populate, .first = 28672, .count = 4096};
  EXPECT_EQ(encode(memory), "populate 28672 4096");
  EXPECT_EQ(decode_guest_call(encode(memory)).value(), memory);
  const GuestCall sleep{.kind = Kind::s_state, .first = 3, .count = 0};
  EXPECT_EQ(encode(sleep), "s-state 3");
  EXPECT_EQ(decode_guest_call(encode(sleep)).value(), sleep);

  const auto numbered = decode_numbered_call(encode(NumberedCall{.serial = 7, .call = memory}));
  ASSERT_TRUE(numbered);
  EXPECT_EQ(numbered->serial, 7U);
  EXPECT_EQ(numbered->call, memory);

  const auto answer = decode_call_answer(encode(CallAnswer{.serial = 7, .error = 12}));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->serial, 7U);
  EXPECT_EQ(answer->error, 12);
}

TEST(GuestCallTest, TheLongestFits) {
  constexpr uint64_t most = UINT64_MAX;
  EXPECT_LE(encode(NumberedCall{.serial = most, .call = {Kind::populate, most, most}}).size(),
            longest_guest_call);
}

TEST(GuestCallTest, WhatAStubDomainMayWriteInstead) {
  for (const char *text : {"",
                           " ",
                           "1",
                           "1 populate",
                           "1 populate 1",
                           "1 populate 1 ",
                           "1 populate 1 1 ",
                           "1 populate 1 1 1",
                           "1  populate 1 1",
                           " 1 populate 1 1",
                           "1 populate -1 1",
                           "1 populate 0x1 1",
                           "1 populate 01 1",
                           "01 populate 1 1",
                           "1 populate 1 1\n",
                           "1 populate 18446744073709551616 1",
                           "x populate 1 1",
                           "1 s-state",
                           "1 s-state 3 1",
                           "1 domctl 1 1",
                           "1 Populate 1 1"})
    EXPECT_FALSE(decode_numbered_call(text)) << text;
  for (const char *text : {"", "1", "1 ", "1 -1", "1 4096", "1 0 0", "a 0", "1 00"})
    EXPECT_FALSE(decode_call_answer(text)) << text;
  EXPECT_THAT(decode_numbered_call("1 \x1b[2J").error().message(), Not(HasSubstr("\x1b")));
}

} // namespace
} // namespace linstub::wire
