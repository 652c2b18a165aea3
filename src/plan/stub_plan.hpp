// SPDX-License-Identifier: MIT
// What a stub domain has to be for a guest: its description, from the plan and what is at hand.
#pragma once

#include "disk/copied_file.hpp"
#include "manifest/stub_image.hpp"
#include "plan/description.hpp"
#include "plan/plan.hpp"

namespace linstub::plan {

// Whether this Xen ("4.20") can run a stub domain of the type that the settings want. The error
// says what to do.
base::Result<> check_type(const Settings &settings, std::string_view xen);

// Where the stub domain's QEMU has its state from.
struct Origin {
  std::string state;       // the file of the state disk; empty: a new guest
  Role role = Role::first; // the disk of a next one is empty until it is told that it is not
};

// QEMU's arguments in that stub domain, without argv[0].
std::vector<std::string> qemu_arguments(const Plan &plan, const Origin &origin);

// `files` are those of plan.files, in their order.
Description describe(const Plan &plan, const manifest::Image &image,
                     const std::vector<disk::CopiedFile> &files, const Origin &origin);

// What a spare one has to be (stubdom/spares.hpp): for a guest with a disk that QEMU serves to its
// PV driver, or with less. linstub-stubdom adds to the command line that there is no guest yet.
Description describe_spare(const Settings &settings, const manifest::Image &image,
                           uint32_t physical_cpus);

} // namespace linstub::plan
