// SPDX-License-Identifier: MIT
#include "disk/disk_image.hpp"

#include <gmock/gmock.h>

#include <array>

namespace linstub::disk {
namespace {

std::array<std::byte, qcow2_header_size> header(uint64_t size, uint32_t bits, uint64_t backing) {
  std::array<std::byte, qcow2_header_size> bytes{std::byte{'Q'}, std::byte{'F'}, std::byte{'I'},
                                                 std::byte{0xfb}};
  auto put = [&](size_t at, size_t count, uint64_t value) {
    for (size_t i = 0; i < count; i++)
      bytes.at(at + i) = static_cast<std::byte>(value >> (8 * (count - 1 - i)));
  };
  put(8, 8, backing);
  put(20, 4, bits);
  put(24, 8, size);
  return bytes;
}

TEST(Qcow2, TellsHowLongItsFileCanGet) {
  auto image = parse_qcow2(header(uint64_t{10} << 30, 16, 0));
  ASSERT_TRUE(image);
  EXPECT_FALSE(image->backing_file);
  EXPECT_GT(largest_file(*image), (uint64_t{10} << 30) + (10 << 20));
  EXPECT_LT(largest_file(*image), (uint64_t{10} << 30) + (64 << 20));
  EXPECT_EQ(largest_file(*image) % 512, 0);
}

TEST(Qcow2, IsRefusedWhenItsHeaderIsOdd) {
  EXPECT_FALSE(parse_qcow2(header(1, 64, 0)));
  EXPECT_FALSE(parse_qcow2(header(~uint64_t{0}, 16, 0)));
  EXPECT_TRUE(parse_qcow2(header(1 << 20, 16, 512))->backing_file);
  std::array<std::byte, qcow2_header_size> zero{};
  EXPECT_FALSE(parse_qcow2(zero));
}

} // namespace
} // namespace linstub::disk
