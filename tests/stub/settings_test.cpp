// SPDX-License-Identifier: MIT
#include "stub/settings.hpp"

#include <gtest/gtest.h>

namespace linstub::stub {
namespace {

TEST(CopiedFilePath, IsAFileDirectlyInTheDirectory) {
  EXPECT_TRUE(is_copied_file_path("/run/files/kernel"));
  EXPECT_TRUE(is_copied_file_path("/run/files/initrd-1.img"));
}

TEST(CopiedFilePath, LeadsNowhereElse) {
  for (const char *path : {"", "/run/files", "/run/files/", "/run/files/.", "/run/files/..",
                           "/run/files/a/b", "/run/filesx", "/run/files/../x", "/etc/passwd",
                           "run/files/x", "/run/files/a b", "/run/files/a\n"})
    EXPECT_FALSE(is_copied_file_path(path)) << path;
}

} // namespace
} // namespace linstub::stub
