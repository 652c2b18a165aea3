// SPDX-License-Identifier: MIT
// NICs: each frontend link joined to a descriptor that QEMU reads and writes frames on.
//
// The cheapest path that keeps MACs right is a macvtap in passthru mode over the frontend: it has
// the frontend's MAC address, takes every frame that comes, whatever its destination, and sends
// frames of any source unchanged. There is no bridge that would learn addresses, no second address
// in the stub domain, and a guest that changes its MAC is served as well.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <string>

namespace linstub::stub {

// Brings `link` ("eth0") up and puts a macvtap over it, which is called nic<nic>. The descriptor is
// that of its tap.
base::Result<base::Fd> join_nic(unsigned int nic, const std::string &link);

} // namespace linstub::stub
