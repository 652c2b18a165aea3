// SPDX-License-Identifier: MIT
// HotplugLock: the lock that Xen's block script holds from when it looks for a free loop device
// until it has set it up (Xen's tools/hotplug/Linux/block, claim_lock "block"). Who takes a loop
// device without it may take the one that the script has just found, and the creation of that guest
// fails.
//
// The protocol is that of locking.sh beside it, which proves it right: the file is made and locked
// (flock), and the lock counts if the file still has its name then; who holds it takes the name
// away before he lets go.
#pragma once

#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

#include <string>

namespace linstub::disk {

// LOCK_BASEDIR there.
constexpr const char *hotplug_lock_directory = "/var/run/xen-hotplug";

class HotplugLock {
public:
  // Makes the directory if it is missing. Waits, in this thread; somebody who has the lock until
  // the deadline is an error with code ETIMEDOUT.
  static base::Result<HotplugLock> take(const std::string &directory, base::Deadline deadline);
  HotplugLock(HotplugLock &&) = default;
  HotplugLock &operator=(HotplugLock &&) = delete;
  HotplugLock(const HotplugLock &) = delete;
  HotplugLock &operator=(const HotplugLock &) = delete;
  ~HotplugLock();

private:
  HotplugLock(std::string path, base::Fd file) : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  base::Fd file_;
};

} // namespace linstub::disk
