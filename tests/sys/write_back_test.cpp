// SPDX-License-Identifier: MIT
#include "sys/write_back.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

namespace linstub::sys {
namespace {

bool done_within_seconds(const WriteBack &writing, int seconds) {
  pollfd done{.fd = writing.fd(), .events = POLLIN, .revents = 0};
  return ::poll(&done, 1, seconds * 1000) == 1;
}

TEST(WriteBackTest, TellsWhenItIsDone) {
  const std::string path = base::format("write-back-{}", ::getpid());
  base::Fd file = base::open_file(path, O_RDWR | O_CREAT | O_TRUNC).value();
  ASSERT_TRUE(base::write_all(file, std::string(1 << 20, 'x')));
  file.reset();
  auto writing = WriteBack::begin(path);
  ASSERT_TRUE(writing) << writing.error().message();
  ASSERT_TRUE(done_within_seconds(*writing, 60));
  EXPECT_TRUE(writing->result());
  EXPECT_FALSE(writing->result()) << "once";
  ::unlink(path.c_str());
}

TEST(WriteBackTest, MayBeGivenUp) {
  const std::string path = base::format("write-back-{}", ::getpid());
  ASSERT_TRUE(base::open_file(path, O_RDWR | O_CREAT | O_TRUNC));
  EXPECT_TRUE(WriteBack::begin(path));
  ::unlink(path.c_str());
}

TEST(WriteBackTest, WhatIsNotThereOrHasNoCacheIsAnError) {
  EXPECT_FALSE(WriteBack::begin("/nowhere/at/all"));
  EXPECT_FALSE(WriteBack::begin("/dev/null"));
}

} // namespace
} // namespace linstub::sys
