// SPDX-License-Identifier: MIT
#include "broker/held_images.hpp"

#include "base/result.hpp"

namespace linstub::broker {
using base::Result;

Result<> HeldImages::hold(std::span<const disk::Disk> disks) {
  std::map<std::string, disk::ImageLock> more;
  for (const disk::Disk &disk : disks) {
    if (!locks_.contains(disk.vdev))
      more.emplace(disk.vdev, TRY(disk::ImageLock::take(disk.path, disk.mode)));
  }
  locks_.merge(more);
  return {};
}

} // namespace linstub::broker
