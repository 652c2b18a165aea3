// SPDX-License-Identifier: MIT
// Giving back the PCI devices of a stub domain that is about to be destroyed, whatever state it is
// in: libxl would first ask its pcifront, and wait for an answer.
#pragma once

#include "pci/host_pci.hpp"
#include "xen/control.hpp"
#include "xen/xenstore.hpp"

namespace linstub::pci {

// Stops the domain, lets xen-pciback take its devices back and reset them, and waits for that, at
// most some seconds. Does nothing for a domain without PCI devices. What goes wrong is logged: the
// domain is to be destroyed in any case.
void release_pci(xen::Control &control, xen::Xenstore &xenstore, xen::DomId domid,
                 const HostPciBus &bus = {});

// Removes the directories of xen-pciback that have no device and whose domain is gone: libxl, when
// it destroys a stub domain by itself, leaves them.
void forget_dead_pci(xen::Control &control, xen::Xenstore &xenstore);

} // namespace linstub::pci
