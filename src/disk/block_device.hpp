// SPDX-License-Identifier: MIT
// Disk images of dom0 as block devices, files by a loop device.
#pragma once

#include "base/result.hpp"
#include "disk/loop_device.hpp"

#include <sys/types.h>

#include <string>

namespace linstub::disk {

struct BlockDevice {
  std::string path;
  dev_t number = 0;
  bool loop = false; // made for it, and to be removed
};

// The block device of a disk image: itself, or for a file a new loop device.
base::Result<BlockDevice> block_device_of(const std::string &image, LoopAccess access);

// A block device as xen-blkback is told of it, in the node "physical-device": with a leading zero,
// which the kernel does not mind. The block script, when it looks for others that use the image of
// a guest, must not take a stub domain for one. After a reboot the former stub domain may still be
// on its way out; the new guest does not run before it has gone.
std::string physical_device(dev_t device);

} // namespace linstub::disk
