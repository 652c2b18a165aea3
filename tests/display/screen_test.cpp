// SPDX-License-Identifier: MIT
#include "display/screen.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string>

namespace linstub::display {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Rectangle = Picture::Rectangle;

class ScreenTest : public testing::Test {
protected:
  void write(uint16_t line, size_t x, const std::string &bytes) {
    screen->write(line, x * bytes_per_pixel, std::as_bytes(std::span(bytes)));
  }
  static std::string pixel(Picture &picture, size_t line, size_t x) {
    const std::byte *at = picture.pixels() + (line * picture.size().width + x) * bytes_per_pixel;
    return {reinterpret_cast<const char *>(at), bytes_per_pixel};
  }
  static constexpr Size size{.width = 200, .height = 40}; // 4 tiles across, the last one narrow
  static constexpr size_t room = size_t{1} << 20U;

  std::unique_ptr<Screen> screen = Screen::make(room).value();
};

TEST_F(ScreenTest, APictureTakesWhatHasChangedAndSaysWhere) {
  screen->resize(size);
  Picture picture(*screen);
  EXPECT_TRUE(picture.stale());
  picture.follow();
  EXPECT_EQ(picture.size(), size);
  EXPECT_FALSE(picture.stale());
  EXPECT_THAT(picture.take(), IsEmpty()) << "black as before";

  write(17, 70, "abcd");
  EXPECT_THAT(picture.take(), ElementsAre(Rectangle{64, 17, 64, 1}));
  EXPECT_EQ(pixel(picture, 17, 70), "abcd");
  EXPECT_THAT(picture.take(), IsEmpty());
  write(17, 70, "abcd"); // as it was
  EXPECT_THAT(picture.take(), IsEmpty());
}

TEST_F(ScreenTest, PlacesBesideEachOtherAreOne) {
  screen->resize(size);
  Picture picture(*screen);
  picture.follow();
  write(3, 0, std::string(size.width * bytes_per_pixel, 'x')); // across all tiles
  write(5, 199, "wxyz");
  write(39, 0, "last");
  EXPECT_THAT(picture.take(), ElementsAre(Rectangle{0, 3, 200, 3}, Rectangle{0, 39, 64, 1}));
  EXPECT_EQ(pixel(picture, 5, 199), "wxyz");
}

TEST_F(ScreenTest, WhatIsThereAlreadyIsTakenByOneThatComesLater) {
  screen->resize(size);
  write(0, 0, "abcd");
  Picture picture(*screen);
  picture.follow();
  EXPECT_THAT(picture.take(), ElementsAre(Rectangle{0, 0, 64, 1}));
}

TEST_F(ScreenTest, AnotherSizeMakesAPictureStaleAndTheScreenBlack) {
  screen->resize(size);
  Picture picture(*screen);
  picture.follow();
  write(0, 0, "abcd");
  screen->resize({.width = 64, .height = 16});
  EXPECT_TRUE(picture.stale());
  EXPECT_THAT(picture.take(), IsEmpty()) << "of a screen that is gone";
  picture.follow();
  EXPECT_EQ(picture.size().width, 64);
  EXPECT_EQ(pixel(picture, 0, 0), std::string(4, '\0'));
  screen->clear();
  EXPECT_TRUE(picture.stale());
  picture.follow();
  EXPECT_EQ(picture.size(), Size{});
  EXPECT_THAT(picture.take(), IsEmpty());
}

TEST_F(ScreenTest, BytesBeyondTheScreenAreWrittenNowhere) {
  screen->resize(size);
  Picture picture(*screen);
  picture.follow();
  write(40, 0, "abcd");
  write(0, 200, "abcd");
  write(0, 199, "abcdefgh");
  EXPECT_THAT(picture.take(), IsEmpty());
}

TEST_F(ScreenTest, AnotherProcessReadsItAndCannotWriteToIt) {
  screen->resize(size);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::signal(SIGSEGV, SIG_DFL);
    if (!screen->forbid_writing())
      ::_exit(2);
    Picture picture(*screen);
    picture.follow();
    while (picture.take().empty()) // what the parent writes
      ::usleep(1000);
    write(0, 0, "abcd");
    ::_exit(3);
  }
  write(0, 0, "abcd");
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) != 1) << "AddressSanitizer exits with 1";
}

} // namespace
} // namespace linstub::display
