// SPDX-License-Identifier: MIT
#include "base/fd.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

namespace linstub::base {
namespace {

using ::testing::HasSubstr;

class TemporaryDirectory : public ::testing::Test {
protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "linstub-fd-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  [[nodiscard]] std::string path(const std::string &name) const { return directory_ + "/" + name; }

private:
  std::string directory_;
};

using File = TemporaryDirectory;

TEST_F(File, ClosesWhenItsOwnerGoes) {
  int number = -1;
  {
    Fd fd = open_file("/dev/null", O_RDONLY).value();
    number = fd.get();
    EXPECT_NE(::fcntl(number, F_GETFD) & FD_CLOEXEC, 0);
  }
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

TEST_F(File, MissingFileIsNamedInTheError) {
  auto fd = open_file(path("absent"), O_RDONLY);
  ASSERT_FALSE(fd);
  EXPECT_THAT(fd.error().message(), HasSubstr("absent: No such file or directory"));
}

TEST_F(File, ReadsBackWhatReplaceWrote) {
  ASSERT_TRUE(replace_file(path("file"), "old"));
  ASSERT_TRUE(replace_file(path("file"), "new content"));
  EXPECT_EQ(read_file(path("file"), 100).value(), "new content");
}

TEST_F(File, RefusesToReadMoreThanTheLimit) {
  ASSERT_TRUE(replace_file(path("file"), std::string(101, 'x')));
  EXPECT_FALSE(read_file(path("file"), 100));
  EXPECT_TRUE(read_file(path("file"), 101));
}

TEST_F(File, FailedReplaceLeavesNothingBehind) {
  std::filesystem::create_directory(path("taken"));
  std::filesystem::create_directory(path("taken/inside"));
  EXPECT_FALSE(replace_file(path("taken"), "content"));
  size_t entries = 0;
  for ([[maybe_unused]] const auto &entry : std::filesystem::directory_iterator(path("")))
    entries++;
  EXPECT_EQ(entries, 1U);
}

} // namespace
} // namespace linstub::base
