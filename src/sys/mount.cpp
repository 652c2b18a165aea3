// SPDX-License-Identifier: MIT
#include "sys/mount.hpp"

#include <sys/stat.h>

namespace linstub::sys {

base::Result<> mount(const Mount &what) {
  if (::mkdir(what.target.c_str(), 0755) != 0 && errno != EEXIST)
    return base::fail_errno(errno, "make directory {}", what.target);
  if (::mount(what.type.c_str(), what.target.c_str(), what.type.c_str(), what.flags,
              what.options.c_str()) != 0)
    return base::fail_errno(errno, "mount {} on {}", what.type, what.target);
  return {};
}

} // namespace linstub::sys
