// SPDX-License-Identifier: MIT
// I/O request servers: what ties a device model to its guest in Xen. When a QEMU dies without an
// orderly end, its server stays, and keeps the domain that it ran in from vanishing; and Xen goes
// on sending it requests, which nobody answers.
#pragma once

#include "base/result.hpp"
#include "xen/domid.hpp"

namespace linstub::xen {

// Destroys all servers that this domain has for `guest` (XEN_DMOP_destroy_ioreq_server of Xen's
// public/hvm/dm_op.h); Xen does not let it destroy those of other domains. Returns how many there
// were.
base::Result<unsigned> destroy_ioreq_servers(DomId guest);

} // namespace linstub::xen
