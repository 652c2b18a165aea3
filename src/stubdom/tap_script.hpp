// SPDX-License-Identifier: MIT
// The hotplug script that the user's networking has for QEMU's tap, run for the stub domain's vif,
// which has the tap's name.
#pragma once

#include "base/result.hpp"
#include "plan/plan.hpp"
#include "xen/xenstore.hpp"

#include <string>

namespace linstub::stubdom {

// As libxl does when a guest starts (libxl_linux.c, get_hotplug_env): the script of the guest's own
// vif, with "add type_if=tap". An error says what the script has said.
base::Result<> join_tap(xen::Xenstore &xenstore, xen::DomId guest, const plan::Nic &nic);

// The same for the vif of a stub domain that is to replace the one that serves, by the name of
// next_interface().
base::Result<> join_next(xen::Xenstore &xenstore, xen::DomId guest, const plan::Nic &nic);

// What the vif is called as long as the guest has another stub domain, whose vif has the name that
// it is to have.
std::string next_interface(xen::DomId guest, const plan::Nic &nic);

// That one is gone: the vif gets the tap's name, and is joined to the guest's network again where
// the name matters (all but Linux' own bridges, Open vSwitch for one). If there is no such vif, the
// next stub domain has gone with it: then the guest's switch is told to forget it.
base::Result<> settle_tap(xen::Xenstore &xenstore, xen::DomId guest, const plan::Nic &nic);

} // namespace linstub::stubdom
