// SPDX-License-Identifier: MIT
#include "pci/page_sharing.hpp"

#include <gmock/gmock.h>

#include <string>

namespace linstub::pci {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Some of what /proc/iomem has on a machine with an Intel chipset: small ranges of its own devices
// lie in one page, and "Reserved" around some of them.
constexpr std::string_view chipset = "00000000-00000fff : Reserved\n"
                                     "00001000-0009d7ff : System RAM\n"
                                     "dfa00000-feafffff : PCI Bus 0000:00\n"
                                     "  e0000000-efffffff : 0000:00:02.0\n"
                                     "    e0000000-e03fffff : BOOTFB\n"
                                     "  f0000000-f00fffff : PCI Bus 0000:03\n"
                                     "    f0000000-f0000fff : 0000:03:00.0\n"
                                     "      f0000000-f0000fff : r8169\n"
                                     "    f0001000-f00017ff : 0000:03:00.1\n"
                                     "  f7d30000-f7d33fff : 0000:00:1b.0\n"
                                     "    f7d30000-f7d33fff : ICH HD audio\n"
                                     "  f7d3a000-f7d3a0ff : 0000:00:1f.3\n"
                                     "  f7d3b000-f7d3b7ff : 0000:00:1f.2\n"
                                     "    f7d3b000-f7d3b7ff : ahci\n"
                                     "  f7d3b800-f7d3bbff : 0000:00:1d.0\n"
                                     "    f7d3b800-f7d3bbff : ehci_hcd\n"
                                     "  f7d3c000-f7d3c01f : 0000:00:16.0\n"
                                     "  f7d3c400-f7d3cfff : Reserved\n"
                                     "fec00000-fec003ff : IOAPIC 0\n"
                                     "fed1c000-fed1ffff : Reserved\n"
                                     "  fed1f410-fed1f414 : iTCO_wdt.0.auto\n"
                                     "100000000-41fdfffff : System RAM\n";

// Virtual functions: their ranges lie in the one that the physical function has set aside for them.
constexpr std::string_view functions = "f8000000-fbffffff : PCI Bus 0000:05\n"
                                       "  f8000000-f801ffff : 0000:05:00.0\n"
                                       "  f8020000-f8023fff : 0000:05:00.0\n"
                                       "    f8020000-f80207ff : 0000:05:10.0\n"
                                       "      f8020000-f80207ff : vfio-pci\n"
                                       "    f8021000-f80217ff : 0000:05:10.2\n"
                                       "    f8021800-f8021fff : 0000:05:10.4\n";

std::string check(std::string_view iomem, const char *address, uint64_t first, uint64_t size) {
  auto checked = check_pages_unshared(iomem, xen::parse_pci_address(address).value(),
                                      {.space = PciSpace::memory, .first = first, .size = size});
  return checked ? "alone" : checked.error().message();
}

TEST(PageSharing, ASmallRangeMayBeAloneInItsPage) {
  EXPECT_EQ(check(chipset, "0000:00:1f.3", 0xf7d3a000, 0x100), "alone");
  EXPECT_EQ(check(chipset, "0000:03:00.1", 0xf0001000, 0x800), "alone")
      << "bus windows are around it";
  EXPECT_EQ(check(functions, "0000:05:10.0", 0xf8020000, 0x800), "alone")
      << "the physical function's range is around it, and its own driver's in it";
}

TEST(PageSharing, ANeighbourInThePageIsNamedAndTheWayOut) {
  EXPECT_THAT(check(chipset, "0000:00:1f.2", 0xf7d3b000, 0x800),
              AllOf(HasSubstr("0xf7d3b000 shares a page with \"0000:00:1d.0\" (0xf7d3b800 to "
                              "0xf7d3bbff)"),
                    HasSubstr("pci=resource_alignment=")));
  EXPECT_THAT(check(functions, "0000:05:10.2", 0xf8021000, 0x800), HasSubstr("0000:05:10.4"));
  EXPECT_THAT(check(chipset, "0000:00:16.0", 0xf7d3c000, 0x20), HasSubstr("\"Reserved\""))
      << "it lies beside it, not around it";
}

TEST(PageSharing, AWholePageIsSharedWithNobody) {
  EXPECT_EQ(check("", "0000:03:00.0", 0xf0000000, 0x1000), "alone");
  EXPECT_FALSE(fills_its_pages({PciSpace::memory, 0xf0000000, 0x1800}));
  EXPECT_FALSE(fills_its_pages({PciSpace::memory, 0xf0000800, 0x1000}));
  EXPECT_TRUE(fills_its_pages({PciSpace::memory, 0xf0000000, 0x2000}));
}

TEST(PageSharing, TheRestOfTheLastPageCountsAsWell) {
  EXPECT_THAT(check("f0000000-f00017ff : 0000:03:00.0\nf0001fff-f0001fff : other\n", "0000:03:00.0",
                    0xf0000000, 0x1800),
              HasSubstr("\"other\""));
  EXPECT_EQ(check("f0000000-f00017ff : 0000:03:00.0\nf0002000-f0002fff : other\n", "0000:03:00.0",
                  0xf0000000, 0x1800),
            "alone");
  EXPECT_EQ(check("effff000-efffffff : other\nf0000000-f00017ff : 0000:03:00.0\n"
                  "f0001800-f00018ff : 0000:03:00.0\n",
                  "0000:03:00.0", 0xf0000000, 0x1800),
            "alone")
      << "the other is the device's own";
}

TEST(PageSharing, ADeviceThatIsNotNamedIsRefused) {
  EXPECT_THAT(check(chipset, "0000:07:00.0", 0xf7d3d000, 0x100), HasSubstr("does not show"));
  EXPECT_THAT(check("", "0000:07:00.0", 0xf7d3d000, 0x100), HasSubstr("does not show"));
  // What somebody reads who is not root.
  EXPECT_THAT(check("00000000-00000000 : PCI Bus 0000:00\n  00000000-00000000 : 0000:07:00.0\n",
                    "0000:07:00.0", 0xf7d3d000, 0x100),
              HasSubstr("does not show"));
}

TEST(PageSharing, WhatIsNoMapOfMemoryIsRefused) {
  for (const char *text :
       {"f0000000 : x\n", "f0000000-f0000fff x\n", " f0000000-f0000fff : x\n",
        "  f0000000-f0000fff : x\n", "f0000fff-f0000000 : x\n", "\n", "-1-2 : x\n",
        "10000000000000000-2 : x\n", "f0000000-f0000fff : x\n    0-1 : y\n"})
    EXPECT_THAT(check(text, "0000:07:00.0", 0xf7d3d000, 0x100), HasSubstr("no line of /proc/iomem"))
        << text;
}

} // namespace
} // namespace linstub::pci
