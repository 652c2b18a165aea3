// SPDX-License-Identifier: MIT
// All checks on one checkout, and the drawing in its ARCHITECTURE.md.
#pragma once

#include "structure/checks.hpp"

#include <filesystem>
#include <string>

namespace linstub::structure {

struct Report {
  std::string drawing; // empty where a circle leaves nothing to draw
  Sentences wrong;
};

base::Result<Report> check(const std::filesystem::path &checkout);

// Puts the drawing of what is there into ARCHITECTURE.md.
base::Result<> update(const std::filesystem::path &checkout);

} // namespace linstub::structure
