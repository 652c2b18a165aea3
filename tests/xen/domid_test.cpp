// SPDX-License-Identifier: MIT
#include "xen/domid.hpp"

#include <gtest/gtest.h>

namespace linstub::xen {
namespace {

TEST(ParseNumber, AcceptsPlainDecimalNumbersUpToTheLimit) {
  EXPECT_EQ(parse_number("0", 7).value(), 0U);
  EXPECT_EQ(parse_number("7", 7).value(), 7U);
  EXPECT_EQ(parse_number("18446744073709551615", UINT64_MAX).value(), UINT64_MAX);
}

TEST(ParseNumber, RefusesEverythingElse) {
  for (const char *text : {"", "8", "-1", "+1", " 1", "1 ", "1\n", "01", "0x1", "1a",
                           "18446744073709551616", "99999999999999999999999"})
    EXPECT_FALSE(parse_number(text, 7)) << '"' << text << '"';
}

TEST(ParseNumber, QuotesWhatItRefusesWithoutControlCharacters) {
  EXPECT_EQ(parse_number("1\x1b[2J", 9).error().message(), "\"1?[2J\" is not a number from 0 to 9");
}

TEST(ParseDomid, RefusesXensReservedNumbers) {
  EXPECT_EQ(number(parse_domid("32751").value()), 32751);
  EXPECT_FALSE(parse_domid("32752")); // DOMID_SELF
}

} // namespace
} // namespace linstub::xen
