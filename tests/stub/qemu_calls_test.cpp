// SPDX-License-Identifier: MIT
#include "stub/qemu_calls.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/memfd.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <thread>

namespace linstub::stub {
namespace {

// Runs `body` in a process that has no other calls; its exit status.
int confined(const std::function<int()> &body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (sys::allow_only(qemu_calls()) != 0)
      ::_exit(99);
    ::_exit(body());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(QemuCalls, AreEnoughForAProgramWithThreadsFilesAndSockets) {
  EXPECT_EQ(confined([] {
              int answer = 1;
              std::thread([&answer] { answer = 0; }).join();
              return answer;
            }),
            0);
  EXPECT_EQ(confined([] {
              const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
              const int memory = ::memfd_create("memory", MFD_CLOEXEC);
              return socket >= 0 && memory >= 0 && ::ftruncate(memory, 4096) == 0 &&
                             ::write(memory, "x", 1) == 1 && ::fsync(memory) == 0
                         ? 0
                         : 1;
            }),
            0);
  EXPECT_EQ(confined([] { return ::execl("/bin/ls", "ls", "/dev/null", nullptr); }), 0);
}

// Each is refused before the kernel looks at its arguments.
TEST(QemuCalls, AreNoneThatReachWhatIsNoneOfQemusBusiness) {
  constexpr std::array refused{SYS_ptrace,
                               SYS_process_vm_readv,
                               SYS_process_vm_writev,
                               SYS_pidfd_getfd,
                               SYS_kill,
                               SYS_unshare,
                               SYS_setns,
                               SYS_mount,
                               SYS_umount2,
                               SYS_move_mount,
                               SYS_pivot_root,
                               SYS_chroot,
                               SYS_bpf,
                               SYS_perf_event_open,
                               SYS_io_uring_setup,
                               SYS_io_uring_enter,
                               SYS_userfaultfd,
                               SYS_keyctl,
                               SYS_add_key,
                               SYS_seccomp,
                               SYS_init_module,
                               SYS_finit_module,
                               SYS_kexec_load,
                               SYS_reboot,
                               SYS_iopl,
                               SYS_ioperm,
                               SYS_modify_ldt,
                               SYS_personality,
                               SYS_setuid,
                               SYS_setresuid,
                               SYS_capset,
                               SYS_chmod,
                               SYS_mknodat,
                               SYS_swapon,
                               SYS_clock_settime,
                               SYS_open_by_handle_at,
                               SYS_open,
                               SYS_openat2,
                               SYS_splice,
                               SYS_vmsplice,
                               SYS_setpriority,
                               SYS_sched_setscheduler};
  for (const long number : refused) {
    EXPECT_EQ(confined([number] {
                const long done = ::syscall(number, -1, -1, -1, -1, -1);
                return done == -1 && errno == EPERM ? 0 : 1;
              }),
              0)
        << number;
    EXPECT_EQ(std::ranges::count(qemu_calls(), number, &sys::AllowedCall::number), 0) << number;
  }
}

TEST(QemuCalls, AreForSocketsOfThisDomainAloneAndForThreads) {
  for (const int family : {AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_VSOCK, AF_ALG}) {
    EXPECT_EQ(confined([family] {
                return ::socket(family, SOCK_DGRAM, 0) == -1 && errno == EPERM ? 0 : 1;
              }),
              0)
        << family;
  }
  for (const unsigned long flags : {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWPID}) {
    EXPECT_EQ(confined([flags] {
                const long done = ::syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
                return done == -1 && errno == EPERM ? 0 : 1;
              }),
              0)
        << flags;
  }
  // The C library takes clone in its place.
  EXPECT_EQ(
      confined([] { return ::syscall(SYS_clone3, nullptr, 0) == -1 && errno == ENOSYS ? 0 : 1; }),
      0);
}

// As many as SPECIFICATION.md and ARCHITECTURE.md say.
TEST(QemuCalls, AreSoMany) {
  using If = sys::AllowedCall::If;
  EXPECT_EQ(std::ranges::count_if(qemu_calls(),
                                  [](const auto &call) { return call.condition != If::never; }),
            115);
}

} // namespace
} // namespace linstub::stub
