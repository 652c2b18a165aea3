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

} // namespace
} // namespace linstub::stub
