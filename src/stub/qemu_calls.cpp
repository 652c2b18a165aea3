// SPDX-License-Identifier: MIT
#include "stub/qemu_calls.hpp"

#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>

namespace linstub::stub {
namespace {

using If = sys::AllowedCall::If;

constexpr uint32_t new_namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

// The kernel keeps what a filter says of a call without conditions in a bitmap, so the order of
// those costs nothing.
constexpr std::array calls{
    // Of each exit, each request of a disk, each packet.
    sys::AllowedCall{SYS_ppoll},
    sys::AllowedCall{SYS_read},
    sys::AllowedCall{SYS_write},
    sys::AllowedCall{SYS_ioctl},
    sys::AllowedCall{SYS_futex},
    sys::AllowedCall{SYS_readv},
    sys::AllowedCall{SYS_writev},
    sys::AllowedCall{SYS_preadv},
    sys::AllowedCall{SYS_pwritev},
    sys::AllowedCall{SYS_pread64},
    sys::AllowedCall{SYS_pwrite64},
    sys::AllowedCall{SYS_recvmsg},
    sys::AllowedCall{SYS_sendmsg},
    sys::AllowedCall{SYS_recvfrom},
    sys::AllowedCall{SYS_sendto},
    // Files. Which of them is up to their owners, modes and the filter of open_requests.hpp.
    sys::AllowedCall{SYS_openat},
    sys::AllowedCall{SYS_close},
    sys::AllowedCall{SYS_fstat},
    sys::AllowedCall{SYS_newfstatat},
    sys::AllowedCall{SYS_statx},
    sys::AllowedCall{SYS_lseek},
    sys::AllowedCall{SYS_fcntl},
    sys::AllowedCall{SYS_fdatasync},
    sys::AllowedCall{SYS_fsync},
    sys::AllowedCall{SYS_fallocate},
    sys::AllowedCall{SYS_ftruncate},
    sys::AllowedCall{SYS_fadvise64},
    sys::AllowedCall{SYS_copy_file_range},
    sys::AllowedCall{SYS_dup},
    sys::AllowedCall{SYS_dup2},
    sys::AllowedCall{SYS_dup3},
    sys::AllowedCall{SYS_pipe2},
    sys::AllowedCall{SYS_eventfd2},
    sys::AllowedCall{SYS_memfd_create},
    sys::AllowedCall{SYS_access},
    sys::AllowedCall{SYS_faccessat},
    sys::AllowedCall{SYS_faccessat2},
    sys::AllowedCall{SYS_readlink},
    sys::AllowedCall{SYS_readlinkat},
    sys::AllowedCall{SYS_getcwd},
    sys::AllowedCall{SYS_unlink},
    sys::AllowedCall{SYS_fstatfs},
    sys::AllowedCall{SYS_statfs},
    sys::AllowedCall{SYS_getdents64},
    sys::AllowedCall{SYS_umask},
    // Sockets of this domain's own.
    sys::AllowedCall{SYS_socket, If::equal, 0, AF_UNIX},
    sys::AllowedCall{SYS_socketpair, If::equal, 0, AF_UNIX},
    sys::AllowedCall{SYS_bind},
    sys::AllowedCall{SYS_listen},
    sys::AllowedCall{SYS_accept4},
    sys::AllowedCall{SYS_connect},
    sys::AllowedCall{SYS_shutdown},
    sys::AllowedCall{SYS_getsockname},
    sys::AllowedCall{SYS_getpeername},
    sys::AllowedCall{SYS_getsockopt},
    sys::AllowedCall{SYS_setsockopt},
    // Waiting, and clocks.
    sys::AllowedCall{SYS_poll},
    sys::AllowedCall{SYS_select},
    sys::AllowedCall{SYS_pselect6},
    sys::AllowedCall{SYS_epoll_create1},
    sys::AllowedCall{SYS_epoll_ctl},
    sys::AllowedCall{SYS_epoll_wait},
    sys::AllowedCall{SYS_epoll_pwait},
    sys::AllowedCall{SYS_timerfd_create},
    sys::AllowedCall{SYS_timerfd_settime},
    sys::AllowedCall{SYS_signalfd4},
    sys::AllowedCall{SYS_clock_gettime},
    sys::AllowedCall{SYS_clock_getres},
    sys::AllowedCall{SYS_clock_nanosleep},
    sys::AllowedCall{SYS_nanosleep},
    sys::AllowedCall{SYS_gettimeofday},
    // Memory. The loader maps code, so PROT_EXEC cannot be refused.
    sys::AllowedCall{SYS_mmap},
    sys::AllowedCall{SYS_munmap},
    sys::AllowedCall{SYS_mprotect},
    sys::AllowedCall{SYS_mremap},
    sys::AllowedCall{SYS_madvise},
    sys::AllowedCall{SYS_msync},
    sys::AllowedCall{SYS_brk},
    sys::AllowedCall{SYS_mlock},
    sys::AllowedCall{SYS_munlock},
    sys::AllowedCall{SYS_membarrier},
    // Threads and signals. clone3 has its flags in memory, where no filter can look.
    sys::AllowedCall{SYS_clone, If::without, 0, new_namespaces},
    sys::AllowedCall{SYS_clone3, If::never},
    sys::AllowedCall{SYS_set_tid_address},
    sys::AllowedCall{SYS_set_robust_list},
    sys::AllowedCall{SYS_rseq},
    sys::AllowedCall{SYS_gettid},
    sys::AllowedCall{SYS_getpid},
    sys::AllowedCall{SYS_getppid},
    sys::AllowedCall{SYS_getuid},
    sys::AllowedCall{SYS_geteuid},
    sys::AllowedCall{SYS_getgid},
    sys::AllowedCall{SYS_getegid},
    sys::AllowedCall{SYS_tgkill},
    sys::AllowedCall{SYS_sched_yield},
    sys::AllowedCall{SYS_sched_getaffinity},
    sys::AllowedCall{SYS_sched_setaffinity},
    sys::AllowedCall{SYS_getcpu},
    sys::AllowedCall{SYS_rt_sigaction},
    sys::AllowedCall{SYS_rt_sigprocmask},
    sys::AllowedCall{SYS_rt_sigreturn},
    sys::AllowedCall{SYS_rt_sigpending},
    sys::AllowedCall{SYS_rt_sigtimedwait},
    sys::AllowedCall{SYS_sigaltstack},
    sys::AllowedCall{SYS_restart_syscall},
    sys::AllowedCall{SYS_exit},
    sys::AllowedCall{SYS_exit_group},
    // What the machine is, and QEMU's own start.
    sys::AllowedCall{SYS_execve},
    sys::AllowedCall{SYS_arch_prctl},
    sys::AllowedCall{SYS_prctl},
    sys::AllowedCall{SYS_prlimit64},
    sys::AllowedCall{SYS_getrlimit},
    sys::AllowedCall{SYS_getrusage},
    sys::AllowedCall{SYS_sysinfo},
    sys::AllowedCall{SYS_uname},
    sys::AllowedCall{SYS_getrandom},
};
static_assert(calls.size() <= sys::most_allowed_calls);

} // namespace

std::span<const sys::AllowedCall> qemu_calls() { return calls; }

} // namespace linstub::stub
