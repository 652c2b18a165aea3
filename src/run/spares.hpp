// SPDX-License-Identifier: MIT
// The records of spare stub domains (stubdom/spares.hpp): one file of /run/linstub for each, named
// by the UUID that the domain has or is about to have, and holding what it was made as. A record
// changes its stage by being renamed, which one process alone succeeds with: so a spare stub domain
// is taken or ended once.
#pragma once

#include "base/result.hpp"
#include "xen/uuid.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace linstub::run {

enum class SpareStage : uint8_t {
  making, // there may be a domain
  ready,  // there is one, and it can be taken
  ending, // it is being removed
};

struct Spare {
  SpareStage stage = SpareStage::making;
  xen::Uuid uuid{};

  bool operator==(const Spare &) const = default;
};

std::string spare_path(const Spare &spare);

// In no particular order.
std::vector<Spare> spares();

// Renames its record. Code ENOENT if somebody else was faster.
base::Result<> move_spare(Spare &spare, SpareStage stage);

} // namespace linstub::run
