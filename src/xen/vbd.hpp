// SPDX-License-Identifier: MIT
// Virtual block devices by name and by number, as Xen's docs/man/xen-vbd-interface.7 has them.
// Whole disks only: xvda, xvdb, ... xvdz, xvdaa, ... xvdzz.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace linstub::xen {

// Disks that a stub domain may have, beside the one for states (wire/state_record.hpp) and the one
// with QEMU (wire/paths.hpp): xvda to xvdz, and on from xvdab. libxl's own Linux mode ends at xvdz.
constexpr size_t most_disks = 64;

// The name of the disk with this number, from 0, which is never xvdaa; an error from most_disks on.
base::Result<std::string> disk_name(size_t number);

// Whether it is the name of a disk.
bool is_disk_name(std::string_view name);

// The virtual device number of a disk (51712 for xvda). An error for what is no such name.
base::Result<uint32_t> vbd_number(std::string_view name);

} // namespace linstub::xen
