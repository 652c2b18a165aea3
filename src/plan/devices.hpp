// SPDX-License-Identifier: MIT
// The devices that a guest can have: those that QEMU in the stub domain has been built with
// (config/qemu/linstub.mak). What it has not is refused here, early, with what to write instead;
// QEMU itself would end with a sentence of its own when the stub domain is there already.
#pragma once

#include "base/result.hpp"
#include "plan/plan.hpp"
#include "wire/options.hpp"

#include <cstdint>
#include <string_view>

namespace linstub::plan {

// An error for a device that needs something a stub domain has not got.
base::Result<> check_device(std::string_view driver);

// A NIC's -device: refused if QEMU in the stub domain has no such model, with those that it has;
// and completed by what this one lacks. Those with numbers from most_boot_roms on get no boot ROM:
// what libxl lets a guest have beyond its memory, a MiB, holds no more of them, and QEMU ends with
// "failed to populate ram" (in dom0, too).
constexpr uint8_t most_boot_roms = 4;
base::Result<> check_nic(wire::Options &device, uint8_t number);

// The value of -usbdevice.
base::Result<> check_usb_device(std::string_view name);

// Gives the plan the TPM 2.0 that its settings name a state for: linstub-init puts the socket of an
// emulated one in place of wire::tpm_argument. For when all options are in the plan.
base::Result<> add_tpm(Plan &plan);

// Gives the plan's sound cards something to play to, and VNC the sound: QEMU 10 starts no sound
// card without one, and libxl names none. For when all options are in the plan.
void connect_sound(Plan &plan);

} // namespace linstub::plan
