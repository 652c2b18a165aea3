// SPDX-License-Identifier: MIT
// The probe run that libxl 4.20 makes before it starts a device model: "-machine none,accel=xen -S"
// with a monitor socket of its own, where it asks for QEMU's command line options and quits.
#pragma once

#include "base/result.hpp"

#include <span>
#include <string>

namespace linstub::dm {

// Answers until "quit" or until the client has gone, for at most 30 s. Needs no Xen and makes no
// domain.
base::Result<> serve_probe(std::span<const std::string> arguments);

} // namespace linstub::dm
