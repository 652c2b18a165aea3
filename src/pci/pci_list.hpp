// SPDX-License-Identifier: MIT
// What `linstub pci` shows: the PCI devices that stub domains of ours have. All of it comes from
// dom0: xen-pciback's nodes, sysfs, the device's own configuration space.
#pragma once

#include "base/result.hpp"
#include "pci/host_pci.hpp"
#include "xen/domid.hpp"
#include "xen/xenstore.hpp"

#include <string>
#include <vector>

namespace linstub::pci {

struct AssignedPci {
  HostPci host;
  xen::DomId guest{};
  std::string guest_name; // empty if the guest has gone
  xen::DomId stub{};
  PciInterrupt interrupt{};
  bool interrupt_control = false; // xen-pciback lets the stub domain switch interrupts
};

// Sorted by address.
base::Result<std::vector<AssignedPci>> assigned_pci(xen::Xenstore &xenstore,
                                                    const HostPciBus &bus = {});

} // namespace linstub::pci
