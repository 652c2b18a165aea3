// SPDX-License-Identifier: MIT
// One change of the stub domain's PCI devices as a pure function: what stage it is in, what is seen
// in xenstore and sysfs, and so what has to be done. I/O is in pci_devices.cpp.
//
//     attach: waiting ─free, idle──► connecting ─pcifront and linstub-init have it─► done
//     detach:                        leaving ────pcifront and pciback let go────────► done
//
// An attach that fails is undone by a detach, or, if there is no other device, by removing all.
#pragma once

#include "xen/xenbus.hpp"

#include <cstdint>

namespace linstub::pci {

enum class PciStage : uint8_t { waiting, connecting, leaving };

struct PciFacts {
  bool held = false;  // xen-pciback has it with a domain still
  bool taken = false; // of connecting: xen-pciback has it for the stub domain (all of them)
  xen::XenbusState backend{};
  xen::XenbusState frontend{}; // hostile
  bool listed = false;         // linstub-init says that QEMU can use it (all of them). Hostile
  bool late = false;           // the time is over
};

enum class PciNext : uint8_t {
  wait,
  connect,   // of waiting: grant permissions, write the nodes
  attached,  // of connecting
  in_use,    // waiting has failed: somebody else has it
  refused,   // either has failed: xen-pciback or pcifront has closed
  timed_out, // either has failed: no answer
  detached,  // of leaving
  stuck,     // of leaving: no answer
};

PciNext next(PciStage stage, const PciFacts &facts);

} // namespace linstub::pci
