// SPDX-License-Identifier: MIT
// Figures: what plots are drawn from, as one JSON text. All that is counted is counted here, so
// that pictures say what the tables say; tools/bench_plots.py only draws.
#pragma once

#include "bench/sample.hpp"

#include <string>

namespace linstub::bench {

// {"contenders": [{"name", "what"}],
//  "metrics": [{"id", "group", "title", "what", "unit", "of": [{"contender", "values": [shown],
//               "ratio"?: {"value", "low", "high"}}], "noise"?: {"value", "low", "high"}}],
//  "starts": [{"contender", "stages": [{"what", "seconds"}]}],
//  "densities": [{"what", "unit", "of": [{"contender", "points": [[guests, shown]],
//                 "base", "each", "error": [[guests, shown]]}]}]}
std::string figures(const Run &run);

} // namespace linstub::bench
