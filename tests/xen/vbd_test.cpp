// SPDX-License-Identifier: MIT
#include "xen/vbd.hpp"

#include <gmock/gmock.h>

#include <set>

namespace linstub::xen {
namespace {

TEST(DiskName, GoesOnAfterTheAlphabetWithoutTheNameOfTheStateDisk) {
  EXPECT_EQ(disk_name(0), "xvda");
  EXPECT_EQ(disk_name(25), "xvdz");
  EXPECT_EQ(disk_name(26), "xvdab");
  EXPECT_EQ(disk_name(50), "xvdaz");
  EXPECT_EQ(disk_name(51), "xvdba");
  EXPECT_FALSE(disk_name(most_disks));
}

TEST(DiskName, IsOfOneDiskOnly) {
  std::set<uint32_t> numbers;
  for (size_t i = 0; i < most_disks; i++)
    EXPECT_TRUE(numbers.insert(vbd_number(disk_name(i).value()).value()).second) << i;
}

TEST(DiskName, HaveXensNumbers) {
  EXPECT_EQ(vbd_number("xvda").value(), 51712U);
  EXPECT_EQ(vbd_number("xvdp").value(), 51952U);
  EXPECT_EQ(vbd_number("xvdq").value(), (1U << 28) | (16U << 8));
  EXPECT_EQ(vbd_number("xvdaa").value(), 268442112U);
  for (const char *other : {"", "xvd", "xv", "sda", "xvda1", "xvdA", "xvdaaa", "/dev/xvda"})
    EXPECT_FALSE(vbd_number(other)) << other;
}

TEST(DiskName, IsAWholePvDisk) {
  EXPECT_TRUE(is_disk_name("xvda"));
  EXPECT_TRUE(is_disk_name("xvdab"));
  for (const char *name : {"xvd", "xvda1", "sda", "xvdabcd", "xvdA", "../xvda", ""})
    EXPECT_FALSE(is_disk_name(name)) << name;
}

} // namespace
} // namespace linstub::xen
