// SPDX-License-Identifier: MIT
#include "wire/leaving_disks.hpp"

#include <gtest/gtest.h>

namespace linstub::wire {
namespace {

TEST(LeavingDisks, AreWrittenInOneWay) {
  EXPECT_EQ(encode(LeavingDisks{}), "0");
  const LeavingDisks two{.serial = 7, .names = {"xvda", "xvdab"}};
  EXPECT_EQ(encode(two), "7 xvda xvdab");
  EXPECT_EQ(decode_leaving_disks("7 xvda xvdab").value(), two);
  EXPECT_EQ(decode_leaving_disks("0").value(), LeavingDisks{});
}

TEST(LeavingDisks, WhatIsWrittenInAnotherWayIsAnError) {
  for (const std::string &text :
       {std::string(), std::string("x"), std::string("-1"), std::string("07 xvda"),
        std::string("7 "), std::string("7  xvda"), std::string(" 7"), std::string("7 xvda "),
        std::string("18446744073709551616"), "1 " + std::string(longest_leaving, 'x')})
    EXPECT_FALSE(decode_leaving_disks(text)) << text;
}

} // namespace
} // namespace linstub::wire
