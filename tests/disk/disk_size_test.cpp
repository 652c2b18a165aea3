// SPDX-License-Identifier: MIT
#include "disk/disk_size.hpp"

#include <gmock/gmock.h>

namespace linstub::disk {
namespace {

TEST(DiskSize, IsReadAsQemuImgTakesIt) {
  EXPECT_EQ(parse_size("1").value(), 1);
  EXPECT_EQ(parse_size("4K").value(), 4096);
  EXPECT_EQ(parse_size("3M").value(), 3 << 20);
  EXPECT_EQ(parse_size("20G").value(), uint64_t{20} << 30);
  EXPECT_EQ(parse_size("2T").value(), uint64_t{2} << 40);
  EXPECT_EQ(parse_size(std::to_string(most_bytes)).value(), most_bytes);
}

TEST(DiskSize, IsRefusedWhenItIsNone) {
  for (const char *bad : {"", "0", "0G", "G", "-1", "1.5G", "20g", "20GB", "G20", " 1", "2097152T",
                          "1152921504606846976", "99999999999999999999"})
    EXPECT_FALSE(parse_size(bad)) << bad;
}

TEST(DiskSize, IsSaidInTheLargestUnitThatFits) {
  EXPECT_EQ(size_text(uint64_t{20} << 30), "20 GiB");
  EXPECT_EQ(size_text(uint64_t{1} << 40), "1 TiB");
  EXPECT_EQ(size_text(uint64_t{1500} << 20), "1500 MiB");
  EXPECT_EQ(size_text(4096), "4096 bytes");
  EXPECT_EQ(size_text(0), "0 bytes");
}

} // namespace
} // namespace linstub::disk
