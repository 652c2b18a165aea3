// SPDX-License-Identifier: MIT
#include "dm/confinement.hpp"

#include "sys/confine.hpp"
#include "xen/shared_vchan.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace linstub::dm {
namespace {

using base::Result;
using If = sys::AllowedCall::If;

// What comes often stands first.
constexpr std::array calls{
    sys::AllowedCall{SYS_epoll_wait},
    sys::AllowedCall{SYS_read},
    sys::AllowedCall{SYS_write},
    sys::AllowedCall{SYS_ioctl, If::equal, 1, xen::notify_request}, // the vchan's event
    sys::AllowedCall{SYS_epoll_ctl},
    sys::AllowedCall{SYS_recvmsg}, // with the descriptors that a client passes
    sys::AllowedCall{SYS_sendmsg}, // to the broker
    sys::AllowedCall{SYS_accept4},
    sys::AllowedCall{SYS_setsockopt, If::equal, 1, IPPROTO_TCP},
    sys::AllowedCall{SYS_poll}, // whether somebody has a pty open
    sys::AllowedCall{SYS_close},
    sys::AllowedCall{SYS_fcntl, If::equal, 1, F_DUPFD_CLOEXEC},
    sys::AllowedCall{SYS_fcntl, If::equal, 1, F_GETFL},
    sys::AllowedCall{SYS_fcntl, If::equal, 1, F_SETFL},
    sys::AllowedCall{SYS_pread64}, // a state
    sys::AllowedCall{SYS_pwrite64},
    sys::AllowedCall{SYS_ftruncate},
    sys::AllowedCall{SYS_fstat},
    sys::AllowedCall{SYS_mmap, If::without, 2, PROT_EXEC},
    sys::AllowedCall{SYS_munmap},
    sys::AllowedCall{SYS_mremap},
    sys::AllowedCall{SYS_madvise},
    sys::AllowedCall{SYS_brk},
    sys::AllowedCall{SYS_futex},
    sys::AllowedCall{SYS_clock_gettime}, // where the vDSO has no clock
    sys::AllowedCall{SYS_rt_sigreturn},
    sys::AllowedCall{SYS_restart_syscall}, // after it was stopped
    sys::AllowedCall{SYS_exit_group},
};

} // namespace

std::span<const sys::AllowedCall> allowed_calls() { return calls; }

Result<> confine(xen::DomId guest, rlim_t largest_file) {
  const std::array<sys::Limit, 6> limits{{
      {RLIMIT_CORE, 0},
      {RLIMIT_NPROC, 0},
      {RLIMIT_MEMLOCK, 0},
      {RLIMIT_NOFILE, most_descriptors},
      {RLIMIT_DATA, most_memory},
      {RLIMIT_FSIZE, largest_file},
  }};
  return sys::confine_for_good(first_user + xen::number(guest), limits, calls);
}

} // namespace linstub::dm
