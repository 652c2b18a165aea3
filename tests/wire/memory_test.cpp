// SPDX-License-Identifier: MIT
#include "wire/memory.hpp"

#include <gmock/gmock.h>

namespace linstub::wire {
namespace {

using testing::HasSubstr;

TEST(MemoryTest, IsReadAsItWasWritten) {
  const Memory memory{.total = 51234, .available = 20000, .least = 19000};
  EXPECT_EQ(encode(memory), "51234 20000 19000");
  EXPECT_EQ(*decode_memory(encode(memory)), memory);
  EXPECT_EQ(*decode_memory("0 0 0"), Memory());
}

TEST(MemoryTest, WhatAStubDomainMayWriteInstead) {
  for (const char *text :
       {"", " ", "1", "1 1", "1 1 1 ", "1 1 1 1", " 1 1 1", "1  1 1", "a b c", "-1 0 0", "+1 0 0",
        "1 0 0x0", "4294967296 1 1", "1.5 1 1", "01 1 1", "99999999999999999999999 1 1", "1 1 1\n"})
    EXPECT_FALSE(decode_memory(text)) << text;
  EXPECT_THAT(decode_memory("10 11 5").error().message(), HasSubstr("more memory is left"));
  EXPECT_THAT(decode_memory("10 5 6").error().message(), HasSubstr("more memory is left"));
}

} // namespace
} // namespace linstub::wire
