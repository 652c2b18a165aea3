// The rights of a stub domain to what a passed-through PCI device has. QEMU needs them to map the
// device's ranges and interrupt into the guest: Xen lets a domain give on only what it has itself.
#pragma once

#include "base/result.hpp"
#include "pci/host_pci.hpp"
#include "xen/control.hpp"

namespace linstub::pci {

// Gives all of it, or, after an error, nothing.
base::Result<> give_rights(xen::Control &control, xen::DomId domid, const HostPci &device);

// Takes all of it, as much as can be taken; the error is the first.
base::Result<> take_rights(xen::Control &control, xen::DomId domid, const HostPci &device);

} // namespace linstub::pci
