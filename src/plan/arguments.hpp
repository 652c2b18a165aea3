// SPDX-License-Identifier: MIT
// libxl's command line for the device model, turned into a Plan.
//
// The options are those that libxl 4.17 to 4.20 gives (libxl_dm.c, libxl__build_device_model_args_
// new), and those of QEMU that make sense through device_model_args_hvm. Each option stands in one
// table that says what becomes of it. An option that is not in the table, and one that cannot be
// served, is an error that names it.
#pragma once

#include "base/result.hpp"
#include "plan/plan.hpp"

#include <span>
#include <string>

namespace linstub::plan {

// What kind of run the arguments ask for.
enum class Run {
  device_model, // for a guest
  probe,        // libxl wants to know what options there are: -machine none
  version,      // -version, --version
  help,         // -help, --help
};
Run run_kind(std::span<const std::string> arguments);

// `arguments` without argv[0]; `settings` are the host's, which -linstub changes for this guest.
base::Result<Plan> translate(std::span<const std::string> arguments, const Settings &settings);

// The MAC of the stub domain's end of a vif, made from the guest's: another address, locally
// administered, the same each time.
base::Result<std::string> frontend_mac(const std::string &guest_mac);

} // namespace linstub::plan
