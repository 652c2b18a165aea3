// SPDX-License-Identifier: MIT
// Whose a stub domain is, as dom0 alone knows it. Nothing of this can be written by a stub domain:
//
//   the record  a file in /run/linstub, named by the guest and by the UUID that the stub domain
//   will
//               have. It is there before the domain is, and goes when the domain is proved to be
//               gone; Xen itself tells the UUID of a domain (xen/uuid.hpp). So a stub domain is
//               found from before its first moment to after its last, also when libxl has removed
//               its nodes and has then failed.
//   the node    linstub/guest below /local/domain/<stub domain> (wire/paths.hpp): dom0's, only
//   readable
//               for the domain, as all there is but device, data, device-model and the like, which
//               libxl gives to it (libxl_create.c, libxl__domain_make). It finds what has no
//               record.
#pragma once

#include "base/result.hpp"
#include "xen/control.hpp"
#include "xen/domid.hpp"
#include "xen/uuid.hpp"
#include "xen/xenstore.hpp"

#include <string>
#include <vector>

namespace linstub::stubdom {

// The path of the record.
std::string record_path(xen::DomId guest, const xen::Uuid &uuid);

// Notes that the guest is about to have a stub domain, and gives the UUID that it shall have.
base::Result<xen::Uuid> announce_stub_domain(xen::DomId guest);

// The guest's stub domains that there are. Those of which only memory is left that somebody maps do
// not count.
base::Result<std::vector<xen::DomId>> stub_domains_of(xen::DomId guest, xen::Control &control,
                                                      xen::Xenstore &xenstore);

// Forgets those that are gone.
base::Result<> forget_gone(xen::DomId guest, xen::Control &control);

} // namespace linstub::stubdom
