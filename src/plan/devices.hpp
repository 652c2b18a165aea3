// SPDX-License-Identifier: MIT
// The devices that a guest can have: those that QEMU in the stub domain has been built with
// (config/qemu/linstub.mak). What it has not is refused here, early, with what to write instead;
// QEMU itself would end with a sentence of its own when the stub domain is there already.
#pragma once

#include "base/result.hpp"
#include "plan/plan.hpp"
#include "wire/options.hpp"

#include <string_view>

namespace linstub::plan {

// An error for a device that needs something a stub domain has not got.
base::Result<> check_device(std::string_view driver);

// A NIC's -device: refused if QEMU in the stub domain has no such model, with those that it has;
// and completed by what this one lacks.
base::Result<> check_nic(wire::Options &device);

// The value of -usbdevice.
base::Result<> check_usb_device(std::string_view name);

// Gives the plan's sound cards something to play to, and VNC the sound: QEMU 10 starts no sound
// card without one, and libxl names none. For when all options are in the plan.
void connect_sound(Plan &plan);

} // namespace linstub::plan
