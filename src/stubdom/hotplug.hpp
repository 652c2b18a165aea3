// SPDX-License-Identifier: MIT
// What linstub-hotplug does for one device of a stub domain.
//
// Disks come without it (disk/disk_plug.hpp); of one that goes it removes the loop device.
// Network interfaces: named as libxl asks and left down; the hotplug script that libxl runs for the
// guest's tap finds it under that name, puts it where it belongs (bridge, Open vSwitch, route) and
// brings it up. So every kind of networking that the user has scripts for works.
#pragma once

#include "base/result.hpp"
#include "xen/xenstore.hpp"

#include <string>
#include <string_view>

namespace linstub::stubdom {

struct HotplugDevice {
  std::string type;      // "vbd" or "vif"
  std::string backend;   // its backend's directory in xenstore
  std::string interface; // of a vif: its name so far
};

// "remove" for a disk, "online" and "offline" for an interface. On success of what brings
// a device the backend's node hotplug-status is "connected". What fails leaves "error" there, and
// the sentence in hotplug-error.
base::Result<> hotplug(xen::Xenstore &xenstore, const HotplugDevice &device,
                       std::string_view command);

} // namespace linstub::stubdom
