// SPDX-License-Identifier: MIT
#include "disk/qcow2.hpp"
#include "disk/qcow2_header.hpp"

#include <gmock/gmock.h>

namespace linstub::disk {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(Qcow2, TellsTheSizeOfTheDisk) {
  const auto header = TestHeader(uint64_t{10} << 30).parsed();
  ASSERT_TRUE(header) << header.error().message();
  EXPECT_EQ(header->virtual_size, uint64_t{10} << 30);
  EXPECT_TRUE(TestHeader().put<uint32_t>(4, 2).put<uint64_t>(72, ~uint64_t{0}).parsed())
      << "version 2 has no features";
}

TEST(Qcow2, IsRefusedWhenItsHeaderIsOdd) {
  EXPECT_THAT(TestHeader().put<uint32_t>(0, 0).refusal(), HasSubstr("not a qcow2 image"));
  EXPECT_THAT(TestHeader().put<uint32_t>(4, 1).refusal(), HasSubstr("version 1"));
  EXPECT_THAT(TestHeader().put<uint32_t>(4, 4).refusal(), HasSubstr("version 4"));
  EXPECT_THAT(TestHeader().put<uint32_t>(20, 8).refusal(), HasSubstr("2^8"));
  EXPECT_THAT(TestHeader().put<uint32_t>(20, 64).refusal(), HasSubstr("2^64"));
  EXPECT_THAT(TestHeader(~uint64_t{0}).refusal(), HasSubstr("18446744073709551615"));
}

// The name of the file is the guest's: to make the image whole would bring that file into the
// guest.
TEST(Qcow2, ThatNamesAnotherFileIsRefusedWithAWarning) {
  const auto warns = AllOf(HasSubstr("do not convert, flatten or mount"),
                           HasSubstr("guest's choice"), Not(HasSubstr("qemu-img")));
  EXPECT_THAT(TestHeader().put<uint64_t>(8, 512).refusal(),
              AllOf(HasSubstr("a backing file"), warns));
  EXPECT_THAT(TestHeader().put<uint64_t>(72, 4).refusal(),
              AllOf(HasSubstr("an external data file"), warns));
}

TEST(Qcow2, IsRefusedWhenQemuWouldNeedWhatItHasNot) {
  EXPECT_THAT(TestHeader().put<uint32_t>(32, 1).refusal(), HasSubstr("encrypted"));
  EXPECT_THAT(TestHeader().put<uint32_t>(32, 2).refusal(), HasSubstr("encrypted"));
  // Dirty, corrupt, another compression and extended tables are for QEMU to deal with.
  EXPECT_TRUE(TestHeader().put<uint64_t>(72, 0b11011).parsed());
  EXPECT_THAT(TestHeader().put<uint64_t>(72, 0x20).refusal(), HasSubstr("0x20"));
  EXPECT_FALSE(TestHeader().put<uint64_t>(72, uint64_t{1} << 63).parsed());
}

} // namespace
} // namespace linstub::disk
