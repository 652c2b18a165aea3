// SPDX-License-Identifier: MIT
#include "disk/block_device.hpp"

#include "base/log.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace linstub::disk {

base::Result<BlockDevice> block_device_of(const std::string &image, LoopAccess access) {
  struct stat status{};
  if (::stat(image.c_str(), &status) != 0)
    return base::fail_errno(errno, "find the disk image {}", image);
  if (S_ISBLK(status.st_mode))
    return BlockDevice{.path = image, .number = status.st_rdev};
  if (!S_ISREG(status.st_mode))
    return base::fail("the disk image {} is neither a file nor a block device", image);
  const std::string loop = TRY(make_loop(image, access));
  if (::stat(loop.c_str(), &status) == 0)
    return BlockDevice{.path = loop, .number = status.st_rdev, .loop = true};
  auto failure = base::fail_errno(errno, "find {}", loop);
  base::log_failure(remove_loop(loop), base::LogLevel::warning);
  return failure;
}

std::string physical_device(dev_t device) {
  return base::format("0{:x}:{:x}", major(device), minor(device));
}

} // namespace linstub::disk
