// SPDX-License-Identifier: MIT
#include "stub/tpm.hpp"

#include "sys/confine.hpp"
#include "sys/unix_socket.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace linstub::stub {
namespace {

// Before msync() (src/preload/tpm.cpp).
constexpr const char *preload_library = "/usr/lib/liblinstub-tpm.so";

// The last is of its address space: what a guest could have it allocate is not the domain's end.
constexpr std::array<sys::Limit, 4> limits{{
    {RLIMIT_CORE, 0},
    {RLIMIT_NPROC, 8},
    {RLIMIT_NOFILE, 32},
    {RLIMIT_AS, rlim_t{64} << 20},
}};

constexpr std::array calls{
    // Each command of the guest's, each word of QEMU's.
    sys::AllowedCall{SYS_poll},
    sys::AllowedCall{SYS_read},
    sys::AllowedCall{SYS_write},
    sys::AllowedCall{SYS_writev},
    sys::AllowedCall{SYS_recvmsg},
    sys::AllowedCall{SYS_getrandom},
    sys::AllowedCall{SYS_clock_gettime},
    sys::AllowedCall{SYS_futex},
    sys::AllowedCall{SYS_msync},
    // Its state, and its libraries.
    sys::AllowedCall{SYS_openat},
    sys::AllowedCall{SYS_close},
    sys::AllowedCall{SYS_fstat},
    sys::AllowedCall{SYS_newfstatat},
    sys::AllowedCall{SYS_lseek},
    sys::AllowedCall{SYS_pread64},
    sys::AllowedCall{SYS_ioctl},
    sys::AllowedCall{SYS_fcntl},
    sys::AllowedCall{SYS_access},
    sys::AllowedCall{SYS_pipe2},
    // Memory.
    sys::AllowedCall{SYS_mmap},
    sys::AllowedCall{SYS_munmap},
    sys::AllowedCall{SYS_mprotect},
    sys::AllowedCall{SYS_mremap},
    sys::AllowedCall{SYS_madvise},
    sys::AllowedCall{SYS_brk},
    // Itself, and its start and end.
    sys::AllowedCall{SYS_rt_sigaction},
    sys::AllowedCall{SYS_rt_sigprocmask},
    sys::AllowedCall{SYS_rt_sigreturn},
    sys::AllowedCall{SYS_restart_syscall},
    sys::AllowedCall{SYS_getpid},
    sys::AllowedCall{SYS_gettid},
    sys::AllowedCall{SYS_tgkill},
    sys::AllowedCall{SYS_set_tid_address},
    sys::AllowedCall{SYS_set_robust_list},
    sys::AllowedCall{SYS_rseq},
    sys::AllowedCall{SYS_prlimit64},
    sys::AllowedCall{SYS_arch_prctl},
    sys::AllowedCall{SYS_execve},
    sys::AllowedCall{SYS_exit},
    sys::AllowedCall{SYS_exit_group},
};
static_assert(calls.size() <= sys::most_allowed_calls);

} // namespace

int confine_tpm() {
  const int error =
      sys::confine({.uid = tpm_uid, .gid = tpm_uid, .oom_score = "0", .limits = limits});
  return error != 0 ? error : sys::allow_only(tpm_calls());
}

std::span<const sys::AllowedCall> tpm_calls() { return calls; }

// Its own list of calls that are forbidden is not needed: what is not in ours is.
std::vector<std::string> tpm_command(const std::string &state, int control) {
  return {tpm_program,
          "socket",
          "--tpm2",
          "--tpmstate",
          base::format("backend-uri=file://{}", state),
          "--ctrl",
          base::format("type=unixio,clientfd={}", control),
          "--seccomp",
          "action=none",
          "--terminate"};
}

base::Result<std::unique_ptr<Tpm>> Tpm::start(base::EventLoop &loop, const std::string &disk,
                                              Program::Callbacks callbacks) {
  const std::string node = "/dev/" + disk;
  if (::chown(node.c_str(), tpm_uid, tpm_uid) != 0)
    return base::fail_errno(errno, "give {} to the TPM", node);
  auto [end_of_qemu, end_of_tpm] = TRY(sys::make_socket_pair(SOCK_STREAM));
  base::Command command{
      .argv = tpm_command(node, end_of_tpm.get()),
      .environment =
          std::vector<std::string>{"PATH=/usr/bin", base::format("LD_PRELOAD={}", preload_library)},
      .keep = {end_of_tpm.get()},
      .before_exec = confine_tpm};
  auto program = TRY(Program::start(loop, std::move(command), std::move(callbacks)));
  return std::unique_ptr<Tpm>(new Tpm(std::move(program), std::move(end_of_qemu)));
}

} // namespace linstub::stub
