// SPDX-License-Identifier: MIT
// HeldImages: the locks on the images that the stub domain has as disks (disk/image_lock.hpp), as
// long as its guest may write to them. A guest whose state has been saved holds none: who restores
// it, on this host or on another, does.
#pragma once

#include "base/result.hpp"
#include "disk/disk.hpp"
#include "disk/image_lock.hpp"

#include <map>
#include <span>
#include <string>

namespace linstub::broker {

class HeldImages {
public:
  // Locks those that are not locked yet. An error, about the first that somebody else has, or that
  // another image of this guest has the name of, leaves what was locked before and nothing more.
  base::Result<> hold(std::span<const disk::Disk> disks);

  void let_go(const std::string &vdev) { held_.erase(vdev); }
  void let_all_go() { held_.clear(); }

private:
  struct Held {
    std::string path;
    disk::ImageLock lock;
  };
  std::map<std::string, Held> held_; // by the names of the disks
};

} // namespace linstub::broker
