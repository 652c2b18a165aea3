// SPDX-License-Identifier: MIT
// Virtual CPUs that are plugged into a guest while it runs (`xl vcpu-set`): QEMU's state has a
// section for each, so the QEMU of the next stub domain has to have them from its start.
#pragma once

#include "base/result.hpp"
#include "plan/plan.hpp"

#include <string_view>

namespace linstub::plan {

// Whether that, the value of a -device, is a CPU.
bool is_cpu(const wire::Options &device);

// QEMU has got that CPU. The text, the value of a -device, comes from the device model process:
// an error if it is not exactly what libxl names a CPU by (libxl_domain.c,
// set_vcpuonline_qmp_device_add_cpu()).
base::Result<> plug_cpu(Plan &plan, std::string_view device);

// QEMU has let go of the CPU with that id; of what is no such CPU nothing is known here.
void unplug_cpu(Plan &plan, std::string_view id);

} // namespace linstub::plan
