// SPDX-License-Identifier: MIT
// The hotplug script that the user's networking has for QEMU's tap, run for the vif of a stub
// domain as libxl runs it for the tap (libxl_linux.c, get_hotplug_env): the script of the guest's
// own vif, with "add" or "remove" and "type_if=tap".
#pragma once

#include "base/deadline.hpp"
#include "base/result.hpp"
#include "plan/plan.hpp"
#include "xen/xenstore.hpp"

#include <string>

namespace linstub::stubdom {

constexpr const char *vif_backends = "/local/domain/0/backend/vif";

// The interface that a script is run for, and where it finds what is said of it.
struct Tap {
  std::string nodes; // below vif_backends. Xen's scripts take it from the interface's name instead:
                     // "vif<nodes>-emu", with a dot for the slash (vif-common.sh)
  std::string interface;
  std::string vif; // the guest's own, if the nodes have no other name of it
};

// The one that the guest's toolstack knows.
Tap tap_of(xen::DomId guest, const plan::Nic &nic);

// Whether the guest's vif of that number is this NIC's and has a script for its tap. There is none
// after `xl network-detach`, by which libxl has the script take the tap off its network, and none
// if a driver domain has the backend. One that was attached since is another NIC: by its address,
// or because it is for PV drivers alone.
base::Result<bool> has_script(xen::Xenstore &xenstore, xen::DomId guest, const plan::Nic &nic);

enum class ScriptCommand { add, remove };

// For no longer than 20 s. An error says what the script has said.
base::Result<> run_script(xen::Xenstore &xenstore, const Tap &tap, ScriptCommand command,
                          base::Deadline deadline);

} // namespace linstub::stubdom
