// SPDX-License-Identifier: MIT
// Plugging a disk into a stub domain: those that it starts with, and what comes later, the state
// disk (wire/state_record.hpp) and the medium of a CD-ROM drive.
#pragma once

#include "base/result.hpp"
#include "disk/disk.hpp"
#include "xen/domid.hpp"
#include "xen/xenstore.hpp"

#include <string>

namespace linstub::disk {

// Plugs a file or block device as the disk, and waits for nothing: it shows up in the stub domain a
// moment later. Fails if one of that name is there. `hotplug` is the program that libxl runs when
// it goes.
//
// libxl would take ten times as long as all the rest of a save. So the nodes that it would write
// (libxl_disk.c, device_disk_add(); xen/pv_device.hpp) are written here, with what its script would
// add: a loop device for a file, but without the script's check that nobody else uses the image:
// the guest itself does, by design, and the guest's own vbd has been checked.
base::Result<> plug_disk(xen::Xenstore &xenstore, xen::DomId stub, const Disk &disk,
                         const std::string &hotplug);

} // namespace linstub::disk
