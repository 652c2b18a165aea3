// SPDX-License-Identifier: MIT
#include "sys/confine.hpp"

#include "base/fd.hpp"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace linstub::sys {
namespace {

int set_oom_score(const char *score) {
  int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return errno;
  ssize_t put = ::write(fd, score, ::strlen(score));
  int error = put < 0 ? errno : 0;
  ::close(fd);
  return error;
}

} // namespace

int confine(const Confinement &confinement) {
  if (confinement.oom_score != nullptr) {
    if (int error = set_oom_score(confinement.oom_score); error != 0)
      return error;
  }
  for (const Limit &limit : confinement.limits) {
    rlimit both{.rlim_cur = limit.value, .rlim_max = limit.value};
    if (::setrlimit(static_cast<__rlimit_resource>(limit.resource), &both) != 0)
      return errno;
  }
  for (unsigned long capability = 0;; capability++) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      if (errno == EINVAL) // past the kernel's last one
        break;
      return errno;
    }
  }
  // The C library's setgroups and setresuid talk to other threads: none has survived the fork.
  if (::syscall(SYS_setgroups, 0, nullptr) != 0 ||
      ::syscall(SYS_setresgid, confinement.gid, confinement.gid, confinement.gid) != 0 ||
      ::syscall(SYS_setresuid, confinement.uid, confinement.uid, confinement.uid) != 0 ||
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return errno;
  return 0;
}

base::Result<> lift_limits(std::span<const int> resources) {
  constexpr rlimit unlimited{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  for (const int resource : resources) {
    rlimit now{};
    if (::getrlimit(static_cast<__rlimit_resource_t>(resource), &now) == 0 &&
        now.rlim_cur == RLIM_INFINITY)
      continue;
    if (::setrlimit(static_cast<__rlimit_resource_t>(resource), &unlimited) != 0)
      return base::fail_errno(errno, "lift the limit of resource {}", resource);
  }
  return {};
}

base::Result<> leave_files_and_network() {
  if (::unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0)
    return base::fail_errno(errno, "leave dom0's mounts and network");
  base::Fd empty(::fsopen("tmpfs", FSOPEN_CLOEXEC));
  if (!empty || ::fsconfig(empty.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return base::fail_errno(errno, "make an empty root directory");
  constexpr unsigned attributes =
      MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  base::Fd root(::fsmount(empty.get(), FSMOUNT_CLOEXEC, attributes));
  if (!root || ::fchdir(root.get()) != 0 || ::chroot(".") != 0)
    return base::fail_errno(errno, "go to an empty root directory");
  return {};
}

base::Result<> confine_for_good(uid_t user, std::span<const Limit> limits,
                                std::span<const AllowedCall> calls) {
  TRY(leave_files_and_network());
  if (int error = confine({.uid = user, .gid = user, .oom_score = nullptr, .limits = limits});
      error != 0)
    return base::fail_errno(error, "become user {}", user);
  return narrow(calls); // after the change of user, which would forget who is to die with whom
}

base::Result<> narrow(std::span<const AllowedCall> calls) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
    return base::fail_errno(errno, "ask for an end together with the parent");
  if (int error = allow_only(calls); error != 0)
    return base::fail_errno(error, "restrict the system calls");
  return {};
}

void close_all_but(std::span<int> kept) {
  std::ranges::sort(kept);
  unsigned next = 0;
  for (const int fd : kept) {
    const auto number = static_cast<unsigned>(fd);
    if (number > next)
      ::syscall(SYS_close_range, next, number - 1, 0);
    next = std::max(next, number + 1);
  }
  ::syscall(SYS_close_range, next, ~0U, 0);
}

void close_all_on_exec() { ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC); }

} // namespace linstub::sys
