// SPDX-License-Identifier: MIT
#include "base/format.hpp"

#include <gtest/gtest.h>

#include <climits>

namespace linstub::base {
namespace {

TEST(Format, SaysWhatTheStandardSays) {
  std::string text = "text";
  std::string_view view = "view";
  EXPECT_EQ(base::format("a {} b {} c {}", text, view, "literal"), "a text b view c literal");
  EXPECT_EQ(base::format("{} {} {} {}", 0, -1, INT_MIN, UINT64_MAX),
            std::format("{} {} {} {}", 0, -1, INT_MIN, UINT64_MAX));
  EXPECT_EQ(base::format("{} {} {}", true, 'c', uint8_t{200}),
            std::format("{} {} {}", true, 'c', uint8_t{200}));
  EXPECT_EQ(base::format("{:x} {:#x} {:02x} {:#06x} {:08X} {:03}", 255, 255, 7, 7, 0xabcdef, 5),
            std::format("{:x} {:#x} {:02x} {:#06x} {:08X} {:03}", 255, 255, 7, 7, 0xabcdef, 5));
  EXPECT_EQ(base::format("{{{}}} }}", 1), "{1} }");
  EXPECT_EQ(base::format("nothing"), "nothing");
}

TEST(Format, LeavesTheRestToTheStandard) {
  EXPECT_EQ(base::format("{:.1f} {}", 1.25, "x"), "1.2 x");
}

TEST(Join, PutsSomethingBetweenItems) {
  EXPECT_EQ(join({}, ", "), "");
  EXPECT_EQ(join(std::vector<std::string>{"a"}, ", "), "a");
  EXPECT_EQ(join(std::vector<std::string>{"", "a", "b"}, ", "), ", a, b");
}

} // namespace
} // namespace linstub::base
