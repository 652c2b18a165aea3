// SPDX-License-Identifier: MIT
// PvDevice: a device of a domain whose backend is the kernel of dom0, as nodes in xenstore.
//
// What libxl writes (libxl_device.c, libxl__device_generic_add()) is written here without it: libxl
// would start a program for each device, run a script, and wait for both. It takes such a device
// down with the domain, or unplugs it, like one of its own.
#pragma once

#include "base/result.hpp"
#include "xen/domid.hpp"
#include "xen/xenstore.hpp"

#include <cstdint>
#include <string>

namespace linstub::xen {

struct PvDevice {
  std::string kind; // "vbd", "vif"
  DomId domid{};
  uint32_t number = 0;
  // Beside what every device has: each other's directory, the domids, and the state.
  Xenstore::Nodes backend;
  Xenstore::Nodes frontend;
};

// The directory of its backend.
std::string backend_path(const PvDevice &device);

// In one transaction. Fails if there is one of that kind and number.
base::Result<> plug_device(Xenstore &xenstore, const PvDevice &device);

} // namespace linstub::xen
