// SPDX-License-Identifier: MIT
#include "display/confinement.hpp"

#include "sys/confine.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>

namespace linstub::display {
namespace {

using base::Result;
using If = sys::AllowedCall::If;

// A process that has these flags is a new one, with memory and descriptors of its own and in the
// same namespaces.
constexpr uint32_t not_of_a_fork = CLONE_VM | CLONE_FILES | CLONE_NEWNS | CLONE_NEWCGROUP |
                                   CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
                                   CLONE_NEWNET;

// What comes often stands first.
constexpr std::array display_list{
    sys::AllowedCall{SYS_epoll_wait},
    sys::AllowedCall{SYS_read},
    sys::AllowedCall{SYS_write},
    sys::AllowedCall{SYS_recvfrom}, // of viewers' processes
    sys::AllowedCall{SYS_recvmsg},  // of the device model process
    sys::AllowedCall{SYS_sendmsg},
    sys::AllowedCall{SYS_epoll_ctl},
    sys::AllowedCall{SYS_accept4},
    sys::AllowedCall{SYS_setsockopt, If::equal, 1, IPPROTO_TCP},
    sys::AllowedCall{SYS_socketpair, If::equal, 0, AF_UNIX},
    sys::AllowedCall{SYS_eventfd2},
    sys::AllowedCall{SYS_clone, If::without, 0, not_of_a_fork},
    sys::AllowedCall{SYS_set_robust_list}, // a fork's first call
    sys::AllowedCall{SYS_rseq},
    sys::AllowedCall{SYS_wait4},
    sys::AllowedCall{SYS_kill}, // of its own children, and of their like
    sys::AllowedCall{SYS_close},
    sys::AllowedCall{SYS_close_range},
    sys::AllowedCall{SYS_fcntl},
    sys::AllowedCall{SYS_getsockopt},
    sys::AllowedCall{SYS_getpeername},
    sys::AllowedCall{SYS_getsockname},
    sys::AllowedCall{SYS_getpid}, // libgcrypt notices a fork by it
    sys::AllowedCall{SYS_getrandom},
    sys::AllowedCall{SYS_poll},
    sys::AllowedCall{SYS_ppoll},
    sys::AllowedCall{SYS_select},
    sys::AllowedCall{SYS_pselect6},
    sys::AllowedCall{SYS_sendto},
    sys::AllowedCall{SYS_pipe2},
    sys::AllowedCall{SYS_uname}, // libvncserver wants the host's name
    sys::AllowedCall{SYS_mmap, If::without, 2, PROT_EXEC},
    sys::AllowedCall{SYS_mprotect, If::without, 2, PROT_EXEC}, // a viewer's process, of the screen
    sys::AllowedCall{SYS_munmap},
    sys::AllowedCall{SYS_mremap},
    sys::AllowedCall{SYS_madvise},
    sys::AllowedCall{SYS_brk},
    sys::AllowedCall{SYS_futex},
    sys::AllowedCall{SYS_clock_gettime}, // where the vDSO has no clock
    sys::AllowedCall{SYS_gettimeofday},
    sys::AllowedCall{SYS_rt_sigaction},
    sys::AllowedCall{SYS_rt_sigprocmask},
    sys::AllowedCall{SYS_rt_sigreturn},
    sys::AllowedCall{SYS_restart_syscall},
    // A viewer's process: its name, its end, and its filter.
    sys::AllowedCall{SYS_prctl, If::equal, 0, PR_SET_NAME},
    sys::AllowedCall{SYS_prctl, If::equal, 0, PR_SET_PDEATHSIG},
    sys::AllowedCall{SYS_prctl, If::equal, 0, PR_SET_NO_NEW_PRIVS},
    sys::AllowedCall{SYS_seccomp},
    sys::AllowedCall{SYS_exit_group},
};

constexpr std::array viewer_list{
    sys::AllowedCall{SYS_poll},
    sys::AllowedCall{SYS_read},
    sys::AllowedCall{SYS_write},
    sys::AllowedCall{SYS_select},
    sys::AllowedCall{SYS_pselect6},
    sys::AllowedCall{SYS_recvfrom},
    sys::AllowedCall{SYS_sendto},
    sys::AllowedCall{SYS_close},
    sys::AllowedCall{SYS_fcntl, If::equal, 1, F_GETFL},
    sys::AllowedCall{SYS_fcntl, If::equal, 1, F_SETFL},
    sys::AllowedCall{SYS_setsockopt, If::equal, 1, IPPROTO_TCP},
    sys::AllowedCall{SYS_getpeername},
    sys::AllowedCall{SYS_getsockname},
    sys::AllowedCall{SYS_pipe2},
    sys::AllowedCall{SYS_uname},
    sys::AllowedCall{SYS_getpid},
    sys::AllowedCall{SYS_getrandom},
    sys::AllowedCall{SYS_mmap, If::without, 2, PROT_EXEC},
    sys::AllowedCall{SYS_munmap},
    sys::AllowedCall{SYS_mremap},
    sys::AllowedCall{SYS_madvise},
    sys::AllowedCall{SYS_brk},
    sys::AllowedCall{SYS_futex},
    sys::AllowedCall{SYS_clock_gettime},
    sys::AllowedCall{SYS_gettimeofday},
    sys::AllowedCall{SYS_rt_sigaction}, // libvncserver ignores SIGPIPE
    sys::AllowedCall{SYS_rt_sigprocmask},
    sys::AllowedCall{SYS_rt_sigreturn},
    sys::AllowedCall{SYS_restart_syscall},
    sys::AllowedCall{SYS_exit_group},
};

} // namespace

std::span<const sys::AllowedCall> display_calls() { return display_list; }

std::span<const sys::AllowedCall> viewer_calls() { return viewer_list; }

Result<> confine_display(xen::DomId guest, rlim_t most_processes) {
  const std::array<sys::Limit, 6> limits{{
      {RLIMIT_CORE, 0},
      {RLIMIT_NPROC, most_processes},
      {RLIMIT_MEMLOCK, 0},
      {RLIMIT_NOFILE, most_descriptors},
      {RLIMIT_DATA, most_memory},
      {RLIMIT_FSIZE, 0},
  }};
  return sys::confine_for_good(first_user + xen::number(guest), limits, display_list);
}

Result<> confine_viewer() { return sys::narrow(viewer_list); }

} // namespace linstub::display
