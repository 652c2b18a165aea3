#include "stub/settings.hpp"

#include <gtest/gtest.h>

namespace linstub::stub {
namespace {

TEST(CarriedPath, IsAFileDirectlyInTheDirectory) {
  EXPECT_TRUE(is_carried_path("/run/files/kernel"));
  EXPECT_TRUE(is_carried_path("/run/files/initrd-1.img"));
}

TEST(CarriedPath, LeadsNowhereElse) {
  for (const char *path : {"", "/run/files", "/run/files/", "/run/files/.", "/run/files/..",
                           "/run/files/a/b", "/run/filesx", "/run/files/../x", "/etc/passwd",
                           "run/files/x", "/run/files/a b", "/run/files/a\n"})
    EXPECT_FALSE(is_carried_path(path)) << path;
}

TEST(DiskName, IsAWholePvDisk) {
  EXPECT_TRUE(is_disk_name("xvda"));
  EXPECT_TRUE(is_disk_name("xvdab"));
  for (const char *name : {"xvd", "xvda1", "sda", "xvdabcd", "xvdA", "../xvda", ""})
    EXPECT_FALSE(is_disk_name(name)) << name;
}

} // namespace
} // namespace linstub::stub
