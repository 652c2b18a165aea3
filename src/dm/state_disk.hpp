// The state disk in dom0: plugs a file as the virtual disk that carries a device model's state
// (wire/state_record.hpp).
#pragma once

#include "base/result.hpp"
#include "xen/domid.hpp"
#include "xen/xenstore.hpp"

#include <string>

namespace linstub::dm {

// Plugs the file, which the stub domain can then write to, and waits for nothing: the disk shows up
// in the stub domain a moment later. `hotplug` is the program that libxl runs when it goes.
//
// libxl would take ten times as long as all the rest of a save: a process, a script, a wait for the
// frontend. So the nodes that it would write (libxl_disk.c: device_disk_add(); libxl_device.c:
// libxl__device_generic_add()) are written here, with what its script would add. libxl then
// unplugs the disk, or takes it down with the domain, like one of its own.
base::Result<> plug_state_disk(xen::Xenstore &xenstore, xen::DomId stub, const std::string &file,
                               const std::string &hotplug);

} // namespace linstub::dm
