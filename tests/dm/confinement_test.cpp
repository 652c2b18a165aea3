// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "dm/confinement.hpp"
#include "fake/memory_file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <set>
#include <string>

// What gcc says by a macro, clang says by a feature.
#if defined(__has_feature)
#define LINSTUB_CLANG_ASAN __has_feature(address_sanitizer)
#else
#define LINSTUB_CLANG_ASAN 0
#endif

namespace linstub::dm {
namespace {

constexpr rlim_t most_of_a_file = 4096;

// Runs `body` in a process that has confined itself; its exit status, or why it could not be.
struct Ended {
  int status = -1;
  std::string why;
};
Ended confined(const std::function<int()> &body) {
  base::Pipe pipe = base::make_pipe().value();
  pid_t pid = ::fork();
  if (pid == 0) {
    auto done = confine(xen::DomId{7}, most_of_a_file);
    if (!done) {
      [[maybe_unused]] auto told = base::write_all(pipe.write, done.error().message());
      ::_exit(99);
    }
    ::_exit(body());
  }
  pipe.write.reset();
  Ended ended;
  std::array<char, 256> buffer;
  ssize_t got = 0;
  while ((got = ::read(pipe.read.get(), buffer.data(), buffer.size())) > 0)
    ended.why.append(buffer.data(), static_cast<size_t>(got));
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended;
}

class Confinement : public testing::Test {
protected:
  void SetUp() override {
    if (::geteuid() != 0)
      GTEST_SKIP() << "not root";
#if defined(__SANITIZE_ADDRESS__) || LINSTUB_CLANG_ASAN
    GTEST_SKIP() << "sanitizers make calls of their own";
#endif
    Ended ended = confined([] { return 0; });
    if (ended.status == 99 && ended.why.contains("leave dom0's"))
      GTEST_SKIP() << ended.why;
    ASSERT_EQ(ended.status, 0) << ended.why;
  }
};

// Each returns what the call returned; -1 with EPERM is what is expected.
struct Attempt {
  const char *what;
  std::function<long()> call;
};

TEST_F(Confinement, NothingCanBeOpenedMadeOrStarted) {
  constexpr unsigned long map_grants = 0x184700; // IOCTL_GNTDEV_MAP_GRANT_REF
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const std::vector<Attempt> attempts{
      {"open", [] { return ::open("/", O_RDONLY); }},
      {"open by the old number", [] { return ::syscall(SYS_open, "/", O_RDONLY); }},
      {"openat2", [] { return ::syscall(SYS_openat2, AT_FDCWD, "/", nullptr, 0); }},
      {"a socket", [] { return ::socket(AF_INET, SOCK_STREAM, 0); }},
      {"a netlink socket", [] { return ::socket(AF_NETLINK, SOCK_RAW, 0); }},
      {"connect", [&] { return ::syscall(SYS_connect, null, nullptr, 0); }},
      {"ptrace", [] { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }},
      {"exec", [] { return ::execl("/bin/true", "true", nullptr); }},
      {"fork", [] { return ::syscall(SYS_fork); }},
      {"clone", [] { return ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }},
      {"clone3", [] { return ::syscall(SYS_clone3, nullptr, 0); }},
      {"mount", [] { return ::mount("none", "/", "tmpfs", 0, nullptr); }},
      {"unshare", [] { return ::unshare(CLONE_NEWUSER); }},
      {"kill", [] { return ::kill(1, 0); }},
      {"bpf", [] { return ::syscall(SYS_bpf, 0, nullptr, 0); }},
      {"io_uring", [] { return ::syscall(SYS_io_uring_setup, 1, nullptr); }},
      {"a grant of another domain", [&] { return ::ioctl(null, map_grants, nullptr); }},
      {"another ioctl", [&] { return ::ioctl(null, 0x5401, nullptr); }},
      {"memory that can be executed",
       [] {
         void *got =
             ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         return got == MAP_FAILED ? -1L : 0L;
       }},
      {"memory that is to be executed", [] { return ::mprotect(nullptr, 4096, PROT_EXEC); }},
      {"root again", [] { return ::setuid(0); }},
      {"a lock on a file", [&] { return ::fcntl(null, F_SETLK, nullptr); }},
  };
  for (const Attempt &attempt : attempts) {
    Ended ended = confined([&] {
      errno = 0;
      return attempt.call() == -1 && errno == EPERM ? 0 : 1;
    });
    EXPECT_EQ(ended.status, 0) << attempt.what;
  }
  ::close(null);
}

TEST_F(Confinement, WhatIsOpenCanBeUsed) {
  base::Pipe pipe = base::make_pipe().value();
  const int epoll = ::epoll_create1(0);
  Ended ended = confined([&] {
    epoll_event event{.events = EPOLLIN, .data = {}};
    char byte = 'x';
    bool good = ::write(pipe.write.get(), &byte, 1) == 1 &&
                ::epoll_ctl(epoll, EPOLL_CTL_ADD, pipe.read.get(), &event) == 0 &&
                ::epoll_wait(epoll, &event, 1, 1000) == 1 && ::read(pipe.read.get(), &byte, 1) == 1;
    std::string large(size_t{4} << 20, 'x'); // memory
    return good && large.back() == 'x' ? 0 : 1;
  });
  EXPECT_EQ(ended.status, 0);
  ::close(epoll);
}

// As libxl's file for a state, which it gives to who asks for a save.
TEST_F(Confinement, AFileThatIsOpenDoesNotGrowWithoutEnd) {
  base::Fd file = fake::memory("");
  ::signal(SIGXFSZ, SIG_IGN);
  Ended ended = confined([&] {
    const bool within = ::pwrite(file.get(), "x", 1, most_of_a_file - 1) == 1;
    const bool beyond = ::pwrite(file.get(), "x", 1, most_of_a_file) == 1;
    return within && !beyond && errno == EFBIG && ::ftruncate(file.get(), 1 << 30) != 0 ? 0 : 1;
  });
  ::signal(SIGXFSZ, SIG_DFL);
  EXPECT_EQ(ended.status, 0);
}

TEST_F(Confinement, ItIsAUserOfItsOwnWithoutCapabilities) {
  // The process cannot look at itself any more: its parent does.
  base::Pipe hold = base::make_pipe().value();
  base::Pipe ready = base::make_pipe().value();
  pid_t pid = ::fork();
  if (pid == 0) {
    hold.write.reset();
    if (!confine(xen::DomId{7}, most_of_a_file))
      ::_exit(99);
    char byte = 'r';
    bool told = ::write(ready.write.get(), &byte, 1) == 1;
    ::_exit(told && ::read(hold.read.get(), &byte, 1) == 0 ? 0 : 1);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready.read.get(), &byte, 1), 1);
  const std::string status = base::read_file(base::format("/proc/{}/status", pid), 65536).value();
  const std::string user = std::to_string(first_user + 7);
  EXPECT_THAT(status,
              testing::HasSubstr(base::format("Uid:\t{}\t{}\t{}\t{}\n", user, user, user, user)));
  EXPECT_THAT(status, testing::HasSubstr("Groups:\t \n"));
  for (const char *set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    EXPECT_THAT(status, testing::HasSubstr(base::format("{}:\t0000000000000000\n", set)));
  EXPECT_THAT(status, testing::HasSubstr("NoNewPrivs:\t1\n"));
  EXPECT_THAT(status, testing::HasSubstr("Seccomp:\t2\n"));
  EXPECT_TRUE(std::filesystem::is_empty(base::format("/proc/{}/root", pid)));
  const std::string network =
      base::read_file(base::format("/proc/{}/net/dev", pid), 65536).value_or("");
  EXPECT_EQ(std::ranges::count(network, ':'), 1) << "lo, which is down\n" << network;
  hold.write.reset();
  int ended = 0;
  ::waitpid(pid, &ended, 0);
  EXPECT_EQ(ended, 0);
}

TEST(AllowedCalls, AreFewAndNoneOpensStartsOrChangesRights) {
  std::set<long> numbers;
  for (const sys::AllowedCall &call : allowed_calls()) {
    numbers.insert(call.number);
    if (call.number == SYS_ioctl || call.number == SYS_mmap || call.number == SYS_fcntl ||
        call.number == SYS_setsockopt) {
      EXPECT_NE(call.condition, sys::AllowedCall::If::always) << call.number;
    }
  }
  EXPECT_EQ(numbers.size(), 26U) << "SPECIFICATION.md says how many";
  for (long number : {SYS_openat, SYS_open, SYS_openat2, SYS_socket, SYS_connect, SYS_execve,
                      SYS_clone, SYS_clone3, SYS_fork, SYS_ptrace, SYS_mprotect, SYS_setuid})
    EXPECT_FALSE(numbers.contains(number)) << number;
}

} // namespace
} // namespace linstub::dm
