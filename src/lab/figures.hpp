// SPDX-License-Identifier: MIT
// Figures of one guest under one device model, for comparison within one run on one host. Absolute
// times mean nothing: the host is emulated.
#pragma once

#include "base/result.hpp"
#include "lab/guest_run.hpp"

#include <string>
#include <vector>

namespace linstub::lab {

struct Figures {
  DeviceModel device_model{};
  double create_to_userland = 0; // seconds, from `xl create` to the guest's prompt
  double port_read = 0;          // nanoseconds of one read of an emulated port
};

// Runs the tiny guest under a device model, measures, destroys it.
base::Result<Figures> measure(const Host &host, DeviceModel device_model);

// A table of them, with ratios to the last one.
std::string table(const std::vector<Figures> &figures);

const char *device_model_name(DeviceModel device_model);

} // namespace linstub::lab
