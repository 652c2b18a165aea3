// SPDX-License-Identifier: MIT
#include "sys/call_filter.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

namespace linstub::sys {
namespace {

constexpr size_t longest_row = 5;

constexpr sock_filter statement(uint16_t code, uint32_t value) { return {code, 0, 0, value}; }
constexpr sock_filter jump(uint16_t test, uint32_t value, uint8_t if_so, uint8_t if_not) {
  return {static_cast<uint16_t>(BPF_JMP | test | BPF_K), if_so, if_not, value};
}
constexpr sock_filter load(size_t offset) {
  return statement(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}
constexpr sock_filter load_number = load(offsetof(seccomp_data, nr));
constexpr sock_filter allow = statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
constexpr sock_filter absent = statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);

class Program {
public:
  void add(sock_filter one) { code_.at(size_++) = one; }
  void add(const AllowedCall &call) {
    const auto number = static_cast<uint32_t>(call.number);
    if (call.condition == AllowedCall::If::always || call.condition == AllowedCall::If::never) {
      add(jump(BPF_JEQ, number, 0, 1));
      return add(call.condition == AllowedCall::If::always ? allow : absent);
    }
    add(jump(BPF_JEQ, number, 0, 4));
    // The low half of an argument comes first.
    add(load(offsetof(seccomp_data, args) + call.argument * sizeof(uint64_t)));
    if (call.condition == AllowedCall::If::equal)
      add(jump(BPF_JEQ, call.value, 0, 1));
    else
      add(jump(BPF_JSET, call.value, 1, 0));
    add(allow);
    add(load_number);
  }
  [[nodiscard]] int install() {
    sock_fprog program{.len = static_cast<unsigned short>(size_), .filter = code_.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
      return errno;
    return 0;
  }

private:
  std::array<sock_filter, 8 + most_allowed_calls * longest_row> code_{};
  size_t size_ = 0;
};

} // namespace

int allow_only(std::span<const AllowedCall> calls) {
  if (calls.size() > most_allowed_calls)
    return E2BIG;
  Program program;
  // Numbers mean other calls on another architecture; those of x32 have a bit that none here has.
  program.add(load(offsetof(seccomp_data, arch)));
  program.add(jump(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0));
  program.add(statement(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  program.add(load_number);
  for (const AllowedCall &call : calls)
    program.add(call);
  program.add(statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  return program.install();
}

} // namespace linstub::sys
