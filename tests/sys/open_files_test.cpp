// SPDX-License-Identifier: MIT
#include "sys/open_files.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <filesystem>

namespace linstub::sys {
namespace {

class OpenFilesTest : public testing::Test {
protected:
  ~OpenFilesTest() override { std::filesystem::remove_all(directory); }
  base::Fd open(const std::string &name) {
    return base::open_file(directory / name, O_RDWR | O_CREAT).value();
  }
  [[nodiscard]] bool has(const std::string &name) const {
    return has_open(::getpid(), directory / name).value();
  }
  bool told() {
    pollfd ready{.fd = closes.fd(), .events = POLLIN, .revents = 0};
    const bool any = ::poll(&ready, 1, 0) > 0;
    closes.drain();
    return any;
  }

  static std::filesystem::path make() {
    std::string name = (std::filesystem::temp_directory_path() / "openXXXXXX").string();
    return ::mkdtemp(name.data());
  }
  std::filesystem::path directory = make();
  FileCloses closes = FileCloses::open().value();
};

TEST_F(OpenFilesTest, AFileIsOpenUntilItsLastDescriptorIsClosed) {
  base::Fd one = open("disk");
  base::Fd two = open("disk");
  EXPECT_TRUE(has("disk"));
  EXPECT_FALSE(has("dis"));
  EXPECT_FALSE(has("disk2"));
  one.reset();
  EXPECT_TRUE(has("disk"));
  two.reset();
  EXPECT_FALSE(has("disk"));
}

TEST_F(OpenFilesTest, AProcessThatIsNotThereIsAnError) { EXPECT_FALSE(has_open(-1, "/dev/null")); }

TEST_F(OpenFilesTest, EachCloseIsToldAsLongAsTheFileIsWatched) {
  base::Fd one = open("disk");
  base::Fd two = open("disk");
  base::Fd other = open("other");
  ASSERT_TRUE(closes.watch(directory / "disk"));
  ASSERT_TRUE(closes.watch(directory / "disk")) << "again";
  EXPECT_FALSE(told());
  other.reset();
  EXPECT_FALSE(told());
  one.reset();
  EXPECT_TRUE(told());
  closes.unwatch(directory / "disk");
  closes.unwatch(directory / "disk");
  EXPECT_TRUE(told()) << "inotify says that it does not watch any more";
  two.reset();
  EXPECT_FALSE(told());
}

TEST_F(OpenFilesTest, AFileThatIsNotThereCannotBeWatched) {
  EXPECT_FALSE(closes.watch(directory / "none"));
}

} // namespace
} // namespace linstub::sys
