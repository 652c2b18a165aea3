// SPDX-License-Identifier: MIT
// Inputs of an image compared with those that a manifest names (`linstub image build --locked`).
#pragma once

#include "manifest/manifest.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace linstub::image {

// One sentence for each input in which `found` differs from `locked`; only inputs of `found` are
// looked at unless it is `complete`.
enum class Inputs : uint8_t { some, complete };
std::vector<std::string> differences(const std::vector<manifest::Input> &locked,
                                     const std::vector<manifest::Input> &found, Inputs extent);

} // namespace linstub::image
