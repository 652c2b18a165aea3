// SPDX-License-Identifier: MIT
#include "xen/vbd.hpp"

#include <gmock/gmock.h>

namespace linstub::xen {
namespace {

TEST(DiskName, EndsWithTheAlphabet) {
  EXPECT_EQ(disk_name(0), "xvda");
  EXPECT_EQ(disk_name(25), "xvdz");
  EXPECT_FALSE(disk_name(26));
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
