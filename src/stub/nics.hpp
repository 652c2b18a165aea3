// SPDX-License-Identifier: MIT
// NICs: each frontend link joined to a descriptor that QEMU reads and writes frames on.
//
// The path is a tap, and what comes in on the one link goes out on the other: frames of any source
// and to any destination, as they are. There is no bridge that would learn addresses or keep some
// to itself, and a guest that changes its MAC is served as well. A macvtap over the frontend would
// be shorter, and takes a quarter less on the way to the guest (docs/benchmarks.md), but puts the
// fragments of a multicast or broadcast IP packet together, into a frame that no NIC takes (Linux'
// macvlan_handle_frame(), ip_check_defrag()).
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <string>

namespace linstub::stub {

// Joins `link` ("eth0") to a new tap, which is called nic<nic>, and brings both up. The descriptor
// is that of the tap. What comes in on `link` is dropped until open_nic().
base::Result<base::Fd> join_nic(unsigned int nic, const std::string &link);

// From now on it comes to the tap. A QEMU that waits for its state takes nothing, and would give
// its guest later what that has had from its former QEMU: the oldest 256 frames.
base::Result<> open_nic(unsigned int nic, const std::string &link);

} // namespace linstub::stub
