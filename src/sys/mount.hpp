// SPDX-License-Identifier: MIT
// Mounting file systems.
#pragma once

#include "base/result.hpp"

#include <sys/mount.h>

#include <string>

namespace linstub::sys {

struct Mount {
  std::string type;        // "tmpfs"; also what shows as the source in /proc/mounts
  std::string target;      // the directory; made if it is not there
  unsigned long flags = 0; // MS_NOSUID and the like
  std::string options;     // "mode=0755"
};

// An error names type and target. What is mounted there already is covered, without an error.
base::Result<> mount(const Mount &what);

} // namespace linstub::sys
