// SPDX-License-Identifier: MIT
#include "disk/hotplug_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace linstub::disk {
namespace {

using base::Result;

constexpr useconds_t between_tries = 5'000;

// False: somebody else has it.
Result<bool> lock(const base::Fd &file, const std::string &path) {
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0)
    return true;
  if (errno == EWOULDBLOCK || errno == EINTR)
    return false;
  return base::fail_errno(errno, "lock {}", path);
}

// Whether the file has that name still: who had the lock before takes it away.
bool has_name(const base::Fd &file, const std::string &path) {
  struct stat ours{};
  struct stat named{};
  return ::fstat(file.get(), &ours) == 0 && ::stat(path.c_str(), &named) == 0 &&
         ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

} // namespace

Result<HotplugLock> HotplugLock::take(const std::string &directory, base::Deadline deadline) {
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
    return base::fail_errno(errno, "make {}", directory);
  const std::string path = directory + "/block";
  for (;;) {
    base::Fd file = TRY(base::open_file(path, O_RDWR | O_CREAT, 0644));
    const bool locked = TRY(lock(file, path));
    if (locked && has_name(file, path))
      return HotplugLock(path, std::move(file));
    if (deadline.passed())
      return std::unexpected(base::Error(
          base::format("{}: Xen's block script, or somebody else, has it for long", path),
          ETIMEDOUT));
    if (!locked)
      ::usleep(between_tries);
  }
}

HotplugLock::~HotplugLock() {
  if (file_)
    ::unlink(path_.c_str());
}

} // namespace linstub::disk
