// SPDX-License-Identifier: MIT
// Mounting file systems.
#pragma once

#include "base/result.hpp"

#include <sys/mount.h>

#include <string>

namespace linstub::sys {

struct Mount {
  std::string type;        // "tmpfs"
  std::string target;      // the directory; made if it is not there
  unsigned long flags = 0; // MS_NOSUID and the like
  std::string options;     // "mode=0755"
  std::string source;      // a file or a device; empty: none, and /proc/mounts shows the type
};

// An error names type and target. What is mounted there already is covered, without an error.
base::Result<> mount(const Mount &what);

// Makes what is mounted on `target` the root, for this process and all that it starts from now on.
// The former root is not to be had any more.
base::Result<> change_root(const std::string &target);

} // namespace linstub::sys
