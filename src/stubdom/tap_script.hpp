// SPDX-License-Identifier: MIT
// The hotplug script that the user's networking has for QEMU's tap, run for the stub domain's vif,
// which has the tap's name.
#pragma once

#include "base/result.hpp"
#include "plan/plan.hpp"
#include "xen/xenstore.hpp"

namespace linstub::stubdom {

// As libxl does when a guest starts (libxl_linux.c, get_hotplug_env): the script of the guest's own
// vif, with "add type_if=tap". An error says what the script has said.
base::Result<> join_tap(xen::Xenstore &xenstore, xen::DomId guest, const plan::Nic &nic);

} // namespace linstub::stubdom
