// SPDX-License-Identifier: MIT
#include "disk/disk_plug.hpp"

#include "base/log.hpp"
#include "disk/block_device.hpp"
#include "xen/pv_device.hpp"
#include "xen/vbd.hpp"

namespace linstub::disk {
namespace {

using base::Result;
using Nodes = xen::Xenstore::Nodes;

// Whether QEMU passes on what a guest discards is said of the guest's own disk.
Nodes backend_nodes(const Disk &disk, const BlockDevice &device, const std::string &hotplug) {
  const bool writable = disk.mode == DiskMode::read_write;
  Nodes nodes{{"params", disk.path},
              {"script", hotplug},
              {"removable", "1"},
              {"bootable", "0"},
              {"dev", disk.vdev},
              {"type", "phy"},
              {"mode", writable ? "w" : "r"},
              {"device-type", "disk"},
              {"discard-enable", writable ? "1" : "0"},
              {"hotplug-status", "connected"},
              // What xen-blkback waits for: it watches the node.
              {"physical-device", physical_device(device.number)}};
  if (device.loop)
    nodes.emplace_back("node", device.path); // for the script, which removes it
  return nodes;
}

} // namespace

Result<> plug_disk(xen::Xenstore &xenstore, xen::DomId stub, const Disk &disk,
                   const std::string &hotplug) {
  const uint32_t number = TRY(xen::vbd_number(disk.vdev));
  const auto access =
      disk.mode == DiskMode::read_only ? LoopAccess::read_only : LoopAccess::read_write;
  const BlockDevice device = TRY(block_device_of(disk.path, access));
  auto plugged = xen::plug_device(
      xenstore,
      {.kind = "vbd",
       .domid = stub,
       .number = number,
       .backend = backend_nodes(disk, device, hotplug),
       .frontend = {{"virtual-device", std::to_string(number)}, {"device-type", "disk"}}});
  if (!plugged && device.loop)
    base::log_failure(remove_loop(device.path), base::LogLevel::warning);
  return plugged.transform_error(base::doing("plug disk {}", disk.vdev));
}

} // namespace linstub::disk
