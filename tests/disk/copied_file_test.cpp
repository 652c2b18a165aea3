// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "disk/copied_file.hpp"
#include "run/directory.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

namespace linstub::disk {
namespace {

using testing::HasSubstr;

constexpr xen::DomId guest{7};

std::string file_of(size_t size) {
  EXPECT_TRUE(run::make_directory());
  std::string path = std::string(run::directory()) + "/kernel";
  EXPECT_TRUE(base::replace_file(path, std::string(size, 'k')));
  return path;
}

bool exists(const std::string &path) { return ::access(path.c_str(), F_OK) == 0; }

TEST(CopiedFile, IsItsOwnDiskIfItHasWholeSectors) {
  std::string path = file_of(1024);
  auto file = CopiedFile::prepare(path, guest, "xvdb");
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->path(), path);
  EXPECT_EQ(file->size(), 1024);
}

TEST(CopiedFile, IsPaddedToWholeSectorsForAsLongAsItsObjectLives) {
  std::string path = file_of(1025);
  std::string padded;
  {
    auto file = CopiedFile::prepare(path, guest, "xvdb");
    ASSERT_TRUE(file) << file.error().message();
    padded = file->path();
    EXPECT_NE(padded, path);
    EXPECT_EQ(file->size(), 1025);
    EXPECT_EQ(base::read_file(padded, 4096), std::string(1025, 'k') + std::string(511, '\0'));
    CopiedFile moved = std::move(*file);
    EXPECT_EQ(moved.path(), padded);
    EXPECT_TRUE(exists(padded));
  }
  EXPECT_FALSE(exists(padded));
  EXPECT_TRUE(exists(path));
}

TEST(CopiedFile, IsRefusedIfThereIsNothingToCopy) {
  EXPECT_THAT(CopiedFile::prepare(file_of(0), guest, "x").error().message(), HasSubstr("empty"));
  EXPECT_THAT(CopiedFile::prepare("/dev/null", guest, "x").error().message(),
              HasSubstr("/dev/null is not a file"));
  EXPECT_FALSE(CopiedFile::prepare("/nonexistent", guest, "x"));
}

} // namespace
} // namespace linstub::disk
