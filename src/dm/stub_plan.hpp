// What a stub domain has to be for a guest: its description, from the plan and what is at hand.
#pragma once

#include "dm/description.hpp"
#include "dm/file_disk.hpp"
#include "dm/image.hpp"
#include "dm/plan.hpp"

namespace linstub::dm {

// MiB: what the settings say, and room for the copied files.
uint32_t memory_needed(const Settings &settings, const std::vector<FileDisk> &files);

// How the stub domain comes to its QEMU's state.
struct Origin {
  std::string state;       // the file of the state disk; empty: a new guest
  Taps taps = Taps::libxl; // and to the guest's networks
};

// `files` are those of plan.files, in their order.
Description describe(const Plan &plan, const Image &image, const std::vector<FileDisk> &files,
                     const Origin &origin);

} // namespace linstub::dm
