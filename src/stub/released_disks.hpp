// SPDX-License-Identifier: MIT
// ReleasedDisks: which of the disks that dom0 is about to take away may go
// (wire/leaving_disks.hpp).
//
// QEMU says that the backend of a PV driver is closed (its state is 6) when the driver has let go
// of it, and closes the image after that (hw/block/xen-block.c, xen_block_disconnect() and
// xen_block_drive_destroy()): qcow2's tables are written then. This kernel writes them to the disk
// after the close, again. A disk that is taken away before is dead to both, with what was not
// written (drivers/block/xen-blkfront.c, blkfront_closing()). So a disk may go when QEMU has not
// got it open, and what this kernel has cached of it is written back.
#pragma once

#include "base/result.hpp"
#include "wire/leaving_disks.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace linstub::stub {

class ReleasedDisks {
public:
  // What is asked of the world, so that tests can answer.
  struct World {
    std::function<base::Result<bool>(const std::string &path)> has_open; // QEMU
    // From now on, or no more: look() is due whenever a file is closed.
    std::function<base::Result<>(const std::string &path)> watch;
    std::function<void(const std::string &path)> unwatch;
    // Calls `written`, later, when it is written back, or cannot be. Then look() is due.
    std::function<base::Result<>(const std::string &path, std::function<void()> written)>
        write_back;
  };

  explicit ReleasedDisks(World world) : world_(std::move(world)) {}

  // The answer to that question. To be called again whenever something may have changed.
  wire::LeavingDisks look(const wire::LeavingDisks &asked);

private:
  enum class Phase : uint8_t { open, writing, released };
  struct Disk {
    uint64_t id = 0; // another one each time that a disk of the name leaves
    Phase phase = Phase::open;
  };
  void forget_others(const wire::LeavingDisks &asked);
  void look_at(const std::string &name, Disk &disk);
  void written(const std::string &name, uint64_t id);

  World world_;
  std::map<std::string, Disk> disks_; // by their names
  uint64_t last_id_ = 0;
};

} // namespace linstub::stub
