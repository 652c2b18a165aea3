// SPDX-License-Identifier: MIT
#include "base/process.hpp"
#include "sys/open_requests.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace linstub::sys {
namespace {

using std::chrono::seconds;

// Runs `body` in a child whose opens go through `decide`; returns the child's exit status.
int run_child(int (*body)(), const OpenRequests::Decide &decide, std::vector<std::string> &errors) {
  std::array<int, 2> sockets{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets.data()), 0);
  base::Fd ours(sockets[0]);
  base::Fd theirs(sockets[1]);
  pid_t pid = ::fork();
  if (pid == 0) {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || hand_over_opens(theirs.get()) != 0)
      ::_exit(100);
    ::_exit(body());
  }
  pollfd sent{.fd = ours.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&sent, 1, 10'000), 1);
  auto requests = OpenRequests::receive(ours);
  EXPECT_TRUE(requests) << requests.error().message();
  int status = 0;
  while (requests) {
    pollfd ask{.fd = requests->fd(), .events = POLLIN, .revents = 0};
    if (::poll(&ask, 1, 50) == 1 && (ask.revents & POLLIN) != 0) {
      if (auto served = requests->serve(decide); !served)
        errors.push_back(served.error().message());
    }
    if (::waitpid(pid, &status, WNOHANG) == pid)
      break;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(OpenRequests, GivesADescriptorInPlaceOfAFile) {
  std::vector<std::string> errors;
  int status = run_child(
      [] {
        int fd = ::open("/no/such/file", O_RDWR);
        char byte = 0;
        return ::read(fd, &byte, 1) == 1 && byte == '\0' ? 0 : 1;
      },
      [](const std::string &path) -> base::Result<base::Fd> {
        EXPECT_EQ(path, "/no/such/file");
        return base::open_file("/dev/zero", O_RDONLY);
      },
      errors);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(errors.empty());
}

TEST(OpenRequests, LetsTheProgramGoOnByItself) {
  std::vector<std::string> errors;
  int status = run_child([] { return ::open("/dev/null", O_RDWR) >= 0 ? 0 : 1; },
                         [](const std::string &) { return base::Fd(); }, errors);
  EXPECT_EQ(status, 0);
}

TEST(OpenRequests, DeniesWithTheErrno) {
  std::vector<std::string> errors;
  int status = run_child(
      [] { return ::open("/dev/null", O_RDWR) < 0 ? errno : 0; },
      [](const std::string &) -> base::Result<base::Fd> { return base::fail_errno(ENODEV, "no"); },
      errors);
  EXPECT_EQ(status, ENODEV);
  EXPECT_EQ(errors.size(), 1U);
}

TEST(OpenRequests, DoesNotSeeReadingOrWritingAlone) {
  std::vector<std::string> errors;
  int status = run_child(
      [] {
        return ::open("/dev/null", O_RDONLY) >= 0 && ::open("/dev/null", O_WRONLY) >= 0 ? 0 : 1;
      },
      [](const std::string &path) -> base::Result<base::Fd> {
        return base::fail("asked for {}", path);
      },
      errors);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(errors.empty());
}

TEST(OpenRequests, TakesAPathThatIsTooLongForNone) {
  static const std::string long_path(4000, 'x');
  std::vector<std::string> errors;
  int status = run_child([] { return ::open(long_path.c_str(), O_RDWR) < 0 ? errno : 0; },
                         [](const std::string &path) -> base::Result<base::Fd> {
                           EXPECT_EQ(path, "");
                           return base::Fd();
                         },
                         errors);
  EXPECT_EQ(status, ENAMETOOLONG);
}

} // namespace
} // namespace linstub::sys
