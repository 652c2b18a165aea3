// SPDX-License-Identifier: MIT
#include "broker/held_images.hpp"

#include "base/result.hpp"

namespace linstub::broker {
using base::Result;

Result<> HeldImages::hold(std::span<const disk::Disk> disks) {
  std::map<std::string, Held> more;
  for (const disk::Disk &disk : disks) {
    const auto held = held_.find(disk.vdev);
    if (held == held_.end())
      more.emplace(disk.vdev, Held{.path = disk.path,
                                   .lock = TRY(disk::ImageLock::take(disk.path, disk.mode))});
    else if (held->second.path != disk.path)
      return base::fail("disk {} of the stub domain is {} still, and not {}", disk.vdev,
                        held->second.path, disk.path);
  }
  held_.merge(more);
  return {};
}

} // namespace linstub::broker
