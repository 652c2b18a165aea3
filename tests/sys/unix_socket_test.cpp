// SPDX-License-Identifier: MIT
#include "sys/unix_socket.hpp"

#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>

namespace linstub::sys {
namespace {

class UnixSocket : public ::testing::Test {
protected:
  UnixSocket() {
    char name[] = "/tmp/unix_socket_test.XXXXXX";
    directory = ::mkdtemp(name);
    path = directory + "/socket";
  }
  ~UnixSocket() override { std::filesystem::remove_all(directory); }
  [[nodiscard]] mode_t mode() const {
    struct stat about{};
    EXPECT_EQ(::stat(path.c_str(), &about), 0);
    return about.st_mode & 07777;
  }

  std::string directory;
  std::string path;
};

// What has happened in a directory since the watch began, as one mask.
uint32_t events(const base::Fd &watch) {
  alignas(inotify_event) std::array<char, 4096> buffer{};
  uint32_t all = 0;
  ssize_t got = ::read(watch.get(), buffer.data(), buffer.size());
  for (ssize_t at = 0; at < got;) {
    const auto *event = reinterpret_cast<const inotify_event *>(buffer.data() + at);
    all |= event->mask;
    at += static_cast<ssize_t>(sizeof *event + event->len);
  }
  return all;
}

TEST_F(UnixSocket, IsItsOwnersOnlyFromItsFirstMomentOn) {
  base::Fd watch(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  ASSERT_GE(::inotify_add_watch(watch.get(), directory.c_str(), IN_CREATE | IN_ATTRIB), 0);
  const mode_t before = ::umask(0);
  auto listener = listen_unix(path);
  ::umask(before);
  ASSERT_TRUE(listener) << listener.error().message();
  EXPECT_EQ(mode(), 0700U);
  const uint32_t seen = events(watch);
  EXPECT_NE(seen & IN_CREATE, 0U);
  EXPECT_EQ(seen & IN_ATTRIB, 0U) << "it was there with another mode before";
}

TEST_F(UnixSocket, TakesThePlaceOfWhatWasThere) {
  auto first = listen_unix(path);
  auto second = listen_unix(path);
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_TRUE(connect_unix(path));
  EXPECT_TRUE(accept_client(*second).value());
  EXPECT_FALSE(accept_client(*first).value());
}

TEST_F(UnixSocket, SaysWhereItCannotListen) {
  auto listener = listen_unix(directory + "/nowhere/socket");
  ASSERT_FALSE(listener);
  EXPECT_NE(listener.error().message().find("listen on " + directory), std::string::npos);
  EXPECT_FALSE(listen_unix("/tmp/" + std::string(200, 'x')));
}

} // namespace
} // namespace linstub::sys
