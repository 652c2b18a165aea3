// SPDX-License-Identifier: MIT
// Plugging the NICs of a stub domain: nodes in xenstore (xen/pv_device.hpp), and what libxl's
// script for them would do when their interfaces are there in dom0. libxl runs the script when they
// go.
#pragma once

#include "base/result.hpp"
#include "plan/plan.hpp"
#include "xen/domid.hpp"
#include "xen/xenstore.hpp"

#include <string>

namespace linstub::stubdom {

// Waits for nothing. `hotplug` is the program that libxl runs when it goes.
base::Result<> plug_nic(xen::Xenstore &xenstore, xen::DomId stub, const plan::Nic &nic,
                        const std::string &hotplug);

// Waits until netback has made its interface, gives that the name it is to have (nic.interface),
// and lets the two ends connect.
base::Result<> name_nic(xen::Xenstore &xenstore, xen::DomId stub, const plan::Nic &nic);

} // namespace linstub::stubdom
