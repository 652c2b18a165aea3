// SPDX-License-Identifier: MIT
#include "xen/xl_lock.hpp"

#include "xen/ballooning.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

namespace linstub::xen {
namespace {

constexpr useconds_t between_tries = 100'000;

// "lockfile" in xl.conf(5).
std::string lock_file() {
  return toolstack_setting("/etc/xen/xl.conf", "lockfile").value_or("/var/lock/xl");
}

} // namespace

base::Result<base::Fd> lock_xl(base::Deadline deadline) {
  const std::string path = lock_file();
  base::Fd file = TRY(base::open_file(path, O_WRONLY | O_CREAT, S_IWUSR));
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  while (::fcntl(file.get(), F_SETLK, &lock) != 0) {
    if (errno != EACCES && errno != EAGAIN && errno != EINTR)
      return base::fail_errno(errno, "lock {}", path);
    if (deadline.passed())
      return base::fail_errno(ETIMEDOUT, "wait for an xl that is making a domain ({})", path);
    ::usleep(between_tries);
  }
  return file;
}

} // namespace linstub::xen
