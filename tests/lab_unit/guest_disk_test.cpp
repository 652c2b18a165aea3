// SPDX-License-Identifier: MIT
#include "lab/guest_disk.hpp"

#include <gtest/gtest.h>

namespace linstub::lab {
namespace {

TEST(BootSector, HasTheCodeOneActiveFatPartitionAndTheSignature) {
  const std::string sector = boot_sector(std::string(440, '\xaa'), 2048, 32768);
  ASSERT_EQ(sector.size(), 512U);
  EXPECT_EQ(sector.substr(0, 440), std::string(440, '\xaa'));
  EXPECT_EQ(sector[446], '\x80');
  EXPECT_EQ(sector[450], '\x0c');
  EXPECT_EQ(sector.substr(454, 8), std::string("\x00\x08\x00\x00\x00\x78\x00\x00", 8));
  EXPECT_EQ(sector.substr(462, 48), std::string(48, '\0')); // no other partition
  EXPECT_EQ(sector.substr(510), "\x55\xaa");
}

TEST(BootSector, CanHaveAPartitionOfLinux) {
  const std::string sector = boot_sector("", 2048, 32768, PartitionType::linux_native);
  EXPECT_EQ(sector[450], '\x83');
}

TEST(BootSector, CutsCodeThatWouldRunIntoTheTable) {
  EXPECT_EQ(boot_sector(std::string(512, '\xaa'), 2048, 4096)[440], '\0');
}

} // namespace
} // namespace linstub::lab
