// SPDX-License-Identifier: MIT
// What linstub-hotplug does for one device of a stub domain. They come without it
// (disk/disk_plug.hpp, stubdom/nic_plug.hpp); of a disk that goes it removes the loop device.
#pragma once

#include "base/result.hpp"
#include "xen/xenstore.hpp"

#include <string>
#include <string_view>

namespace linstub::stubdom {

struct HotplugDevice {
  std::string type;    // "vbd" or "vif"
  std::string backend; // its backend's directory in xenstore
};

// "remove" for a disk, "offline" for an interface. What fails leaves "error" in the backend's node
// hotplug-status, and the sentence in hotplug-error.
base::Result<> hotplug(xen::Xenstore &xenstore, const HotplugDevice &device,
                       std::string_view command);

} // namespace linstub::stubdom
