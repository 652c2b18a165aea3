// SPDX-License-Identifier: MIT
// linstub-dm at work for one guest: a broker, which is the process that libxl has started and has
// all rights, and in front of it the device model process, which has none.
#pragma once

#include "manifest/stub_image.hpp"
#include "plan/plan.hpp"
#include "run/status.hpp"
#include "xen/control.hpp"

namespace linstub::dm {

// Serves the guest to its end. An error is the sentence that says why the stub domain could not
// start or has failed; then nothing is left of it.
base::Result<> serve_guest(plan::Plan plan, manifest::Image image, xen::Control &control,
                           run::Status &status);

} // namespace linstub::dm
