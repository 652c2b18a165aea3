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

// An error names type and target. That the same type is already mounted there is no error of this
// function's: it mounts another one over it.
base::Result<> mount(const Mount &what);

} // namespace linstub::sys
