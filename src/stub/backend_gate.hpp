// SPDX-License-Identifier: MIT
// BackendGate: when QEMU may open a disk's image for the guest's PV driver, beside the emulated
// drive that has it open already. Two that have one qcow2 image open would each go by its own copy
// of the image's tables, and the later one would not know what the boot loader had written through
// the drive, or overwrite it.
//
// So dom0 makes backend/qdisk/<guest>/<number> with online=0, and QEMU does not look at it
// (xen_bus_type_enumerate in its hw/xen/xen-bus.c). Here online=1 is written as soon as
//
// - QEMU runs and has not got the disk open: the guest has unplugged the drive, which flushes and
//   closes it, or there was none; or
// - the guest's driver has begun to connect, though the drive is there: after a restore, when the
//   saved guest had unplugged it, and does not use it. It would not be closed again.
#pragma once

#include "base/result.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace linstub::stub {

class BackendGate {
public:
  // What is asked of the world, so that tests can answer.
  struct World {
    std::function<base::Result<std::vector<std::string>>(const std::string &node)> list;
    std::function<base::Result<std::optional<std::string>>(const std::string &node)> read;
    std::function<base::Result<>(const std::string &node, std::string_view value)> write;
    std::function<base::Result<bool>(const std::string &path)> has_open; // QEMU
    // From now on, or no more: look() is due whenever a file is closed.
    std::function<base::Result<>(const std::string &path)> watch;
    std::function<void(const std::string &path)> unwatch;
  };

  // `guest` as it stands in paths.
  BackendGate(World world, std::string guest)
      : world_(std::move(world)), guest_(std::move(guest)) {}

  // Looks at all backends that are closed, and opens those that can be. `disks` are those that QEMU
  // can open (Frontends::disks()). To be called again whenever something may have changed.
  base::Result<> look(const std::vector<std::string> &disks);

private:
  base::Result<> look_at(const std::string &number, const std::vector<std::string> &disks);
  base::Result<bool> may_open(const std::string &number, const std::string &path);
  base::Result<bool> is(const std::string &node, std::string_view value);

  World world_;
  std::string guest_;
};

} // namespace linstub::stub
