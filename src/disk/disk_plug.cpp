// SPDX-License-Identifier: MIT
#include "disk/disk_plug.hpp"

#include "base/log.hpp"
#include "disk/block_device.hpp"
#include "xen/vbd.hpp"
#include "xen/xenbus.hpp"

namespace linstub::disk {
namespace {

using base::Result;
using Nodes = xen::Xenstore::Nodes;

struct Paths {
  std::string frontend;
  std::string backend;
  std::string toolstack; // what libxl knows a device by

  Paths(xen::DomId stub, uint32_t number)
      : frontend(base::format("{}/device/vbd/{}", xen::domain_path(stub), number)),
        backend(base::format("{}/backend/vbd/{}/{}", xen::domain_path(xen::dom0), stub, number)),
        toolstack(base::format("/libxl/{}/device/vbd/{}", stub, number)) {}
};

// Whether QEMU passes on what a guest discards is said of the guest's own disk.
Nodes backend_nodes(xen::DomId stub, const Disk &disk, const BlockDevice &device,
                    const std::string &hotplug) {
  const bool writable = disk.mode == DiskMode::read_write;
  Nodes nodes{{"params", disk.path},
              {"script", hotplug},
              {"frontend-id", base::format("{}", stub)},
              {"online", "1"},
              {"removable", "1"},
              {"bootable", "0"},
              {"dev", disk.vdev},
              {"type", "phy"},
              {"mode", writable ? "w" : "r"},
              {"device-type", "disk"},
              {"discard-enable", writable ? "1" : "0"},
              {"hotplug-status", "connected"},
              // What xen-blkback waits for: it watches the node.
              {"physical-device", physical_device(device.number)},
              {"state", xen::text(xen::XenbusState::initialising)}};
  if (device.loop)
    nodes.emplace_back("node", device.path); // for the script, which removes it
  return nodes;
}

} // namespace

Result<> plug_disk(xen::Xenstore &xenstore, xen::DomId stub, const Disk &disk,
                   const std::string &hotplug) {
  const uint32_t number = TRY(xen::vbd_number(disk.vdev));
  const Paths paths(stub, number);
  const auto access =
      disk.mode == DiskMode::read_only ? LoopAccess::read_only : LoopAccess::read_write;
  const BlockDevice device = TRY(block_device_of(disk.path, access));
  const Nodes nodes = backend_nodes(stub, disk, device, hotplug);
  auto plugged = xenstore.transaction([&]() -> Result<> {
    if (TRY(xenstore.read_if_there(paths.toolstack + "/backend")))
      return base::fail("a former one is still there");
    TRY(xenstore.write_all(paths.toolstack,
                           {{"frontend", paths.frontend}, {"backend", paths.backend}}));
    TRY(xenstore.write_all(paths.toolstack, nodes));
    TRY(xenstore.make_directory(paths.backend, xen::dom0, stub));
    TRY(xenstore.write(paths.backend + "/frontend", paths.frontend));
    TRY(xenstore.write_all(paths.backend, nodes));
    TRY(xenstore.make_directory(paths.frontend, stub, xen::dom0));
    return xenstore.write_all(paths.frontend,
                              {{"backend", paths.backend},
                               {"backend-id", base::format("{}", xen::dom0)},
                               {"virtual-device", std::to_string(number)},
                               {"device-type", "disk"},
                               {"state", xen::text(xen::XenbusState::initialising)}});
  });
  if (!plugged && device.loop)
    base::log_failure(remove_loop(device.path), base::LogLevel::warning);
  return plugged.transform_error(base::doing("plug disk {}", disk.vdev));
}

} // namespace linstub::disk
