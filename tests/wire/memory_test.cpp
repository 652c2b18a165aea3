// SPDX-License-Identifier: MIT
#include "wire/memory.hpp"

#include <gmock/gmock.h>

namespace linstub::wire {
namespace {

using testing::HasSubstr;

TEST(MemoryTest, IsReadAsItWasWritten) {
  const Memory memory{.total = 51234,
                      .available = 20000,
                      .least = 19000,
                      .free = 11000,
                      .programs = 9000,
                      .files = 8000};
  EXPECT_EQ(encode(memory), "51234 20000 19000 11000 9000 8000");
  EXPECT_EQ(*decode_memory(encode(memory)), memory);
  EXPECT_EQ(*decode_memory("0 0 0 0 0 0"), Memory());
}

TEST(MemoryTest, WhatAStubDomainMayWriteInstead) {
  for (const char *text : {"", " ", "3", "3 1", "3 1 1 1 1", "3 1 1 1 1 1 ", "3 1 1 1 1 1 1",
                           " 3 1 1 1 1 1", "3  1 1 1 1 1", "a b c d e f", "-3 0 0 0 0 0",
                           "+3 0 0 0 0 0", "3 0 0x0 0 0 0", "4294967296 1 1 1 1 1", "3.5 1 1 1 1 1",
                           "03 1 1 1 1 1", "99999999999999999999999 1 1 1 1 1", "3 1 1 1 1 1\n"})
    EXPECT_FALSE(decode_memory(text)) << text;
  EXPECT_THAT(decode_memory("10 11 5 0 0 0").error().message(), HasSubstr("more memory is left"));
  EXPECT_THAT(decode_memory("10 5 6 0 0 0").error().message(), HasSubstr("more memory is left"));
  for (const char *text : {"10 5 5 4 4 3", "10 5 5 0 0 11", "10 5 5 18446744073709551615 1 0"})
    EXPECT_FALSE(decode_memory(text)) << text;
  EXPECT_THAT(decode_memory("10 5 5 4 4 3").error().message(), HasSubstr("more memory is used"));
}

} // namespace
} // namespace linstub::wire
