// I/O request servers: what ties a device model to its guest in Xen. One stays when its QEMU dies
// without an orderly end, and with it a hold on the domain it ran in; Xen goes on to send it
// requests that nobody answers.
#pragma once

#include "base/result.hpp"
#include "xen/domid.hpp"

namespace linstub::xen {

// Destroys all servers that this domain has for `guest` (XEN_DMOP_destroy_ioreq_server of Xen's
// public/hvm/dm_op.h); those of other domains are not ours to destroy, and Xen refuses. Says how
// many there were.
base::Result<unsigned> destroy_ioreq_servers(DomId guest);

} // namespace linstub::xen
