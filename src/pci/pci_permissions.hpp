// SPDX-License-Identifier: MIT
// The permissions of a stub domain for what a passed-through PCI device has. QEMU needs them to map
// the device's ranges and interrupt into the guest: Xen lets a domain grant only what it has
// itself.
#pragma once

#include "base/result.hpp"
#include "pci/host_pci.hpp"
#include "xen/control.hpp"

namespace linstub::pci {

// Grants all of them, or, after an error, none.
base::Result<> grant_permissions(xen::Control &control, xen::DomId domid, const HostPci &device);

// Revokes all of them, as far as that can be done; the error is the first one.
base::Result<> revoke_permissions(xen::Control &control, xen::DomId domid, const HostPci &device);

} // namespace linstub::pci
