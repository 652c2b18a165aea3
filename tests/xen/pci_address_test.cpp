// SPDX-License-Identifier: MIT
#include "xen/pci_address.hpp"

#include <gtest/gtest.h>

namespace linstub::xen {
namespace {

TEST(PciAddress, ReadsWhatItWrites) {
  for (const char *one : {"0000:00:10.0", "ffff:ff:1f.7", "0001:a0:03.1"}) {
    auto address = parse_pci_address(one);
    ASSERT_TRUE(address) << one;
    EXPECT_EQ(text(*address), one);
  }
}

TEST(PciAddress, TakesTheTwoDigitFunctionOfPciback) {
  auto address = parse_pci_address("0000:00:02.03");
  ASSERT_TRUE(address);
  EXPECT_EQ(text(*address), "0000:00:02.3");
}

TEST(PciAddress, RefusesEverythingElse) {
  for (const char *one :
       {"", "00:10.0", "0000:00:10", "0000:00:10.", "0000:00:10.8", "0000:00:20.0",
        "0000:00:10.000", "000g:00:10.0", "0000:00:10.0 ", " 0000:00:10.0", "0000:00:10:0",
        "-000:00:10.0", "0x00:00:10.0", "0000:00:10.0\n", "../0:00:10.0"})
    EXPECT_FALSE(parse_pci_address(one)) << one;
}

} // namespace
} // namespace linstub::xen
