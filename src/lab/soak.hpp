// SPDX-License-Identifier: MIT
// Soak: an idle HVM guest beside a busy dom0, for a given time. Every scenario depends on this:
// under some settings of the emulator such a guest dies within minutes (machine.cpp).
#pragma once

#include "lab/guest_run.hpp"
#include "lab/stage.hpp"

#include <functional>
#include <string>

namespace linstub::lab {

struct SoakOptions {
  std::chrono::minutes time{30};
  DeviceModel device_model = DeviceModel::linstub;
};

struct SoakReport {
  bool survived = false;
  std::chrono::seconds lived{}; // from its prompt to the end, or to when it was found dead
  int rounds = 0;               // of work in dom0
  std::string death;            // how it was found dead
  std::string signature;        // what Xen's console shows of the emulator's known failures
};

// An error says that the guest could not be started or that dom0 could not be reached.
base::Result<SoakReport> soak(Stage &stage, const SoakOptions &options,
                              const std::function<void(const SoakReport &)> &progress);

} // namespace linstub::lab
