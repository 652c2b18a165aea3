// SPDX-License-Identifier: MIT
// Whether the two processes can do their work is what server_test.cpp tries.
#include "display/confinement.hpp"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/syscall.h>

#include <set>

namespace linstub::display {
namespace {

std::set<long> numbers_of(std::span<const sys::AllowedCall> calls) {
  std::set<long> numbers;
  for (const sys::AllowedCall &call : calls) {
    numbers.insert(call.number);
    if (call.number == SYS_mmap || call.number == SYS_mprotect || call.number == SYS_clone ||
        call.number == SYS_prctl || call.number == SYS_socketpair ||
        call.number == SYS_setsockopt) {
      EXPECT_NE(call.condition, sys::AllowedCall::If::always) << call.number;
    }
  }
  return numbers;
}

TEST(DisplayCalls, OpenAndStartNothing) {
  const auto numbers = numbers_of(display_calls());
  EXPECT_EQ(numbers.size(), 47U) << "ARCHITECTURE says how many";
  for (long number : {SYS_openat, SYS_open, SYS_openat2, SYS_socket, SYS_connect, SYS_execve,
                      SYS_clone3, SYS_fork, SYS_ptrace, SYS_setuid, SYS_ioctl, SYS_bind})
    EXPECT_FALSE(numbers.contains(number)) << number;
}

// Nor write to the screen, nor to another viewer's process.
TEST(ViewerCalls, AreFewer) {
  const auto numbers = numbers_of(viewer_calls());
  EXPECT_EQ(numbers.size(), 29U) << "ARCHITECTURE says how many";
  for (long number : {SYS_openat, SYS_open,    SYS_openat2, SYS_socket,   SYS_connect,
                      SYS_execve, SYS_clone,   SYS_clone3,  SYS_fork,     SYS_ptrace,
                      SYS_setuid, SYS_ioctl,   SYS_bind,    SYS_mprotect, SYS_kill,
                      SYS_prctl,  SYS_recvmsg, SYS_sendmsg, SYS_accept4,  SYS_process_vm_writev})
    EXPECT_FALSE(numbers.contains(number)) << number;
}

} // namespace
} // namespace linstub::display
