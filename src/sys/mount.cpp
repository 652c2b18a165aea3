// SPDX-License-Identifier: MIT
#include "sys/mount.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace linstub::sys {

base::Result<> mount(const Mount &what) {
  if (::mkdir(what.target.c_str(), 0755) != 0 && errno != EEXIST)
    return base::fail_errno(errno, "make directory {}", what.target);
  const std::string &source = what.source.empty() ? what.type : what.source;
  if (::mount(source.c_str(), what.target.c_str(), what.type.c_str(), what.flags,
              what.options.c_str()) != 0)
    return base::fail_errno(errno, "mount {} on {}", source, what.target);
  return {};
}

base::Result<> change_root(const std::string &target) {
  // The first root cannot be unmounted, so it is covered (Linux' documentation,
  // filesystems/ramfs-rootfs-initramfs.rst).
  if (::chdir(target.c_str()) != 0 || ::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 ||
      ::chroot(".") != 0 || ::chdir("/") != 0)
    return base::fail_errno(errno, "make {} the root", target);
  return {};
}

} // namespace linstub::sys
