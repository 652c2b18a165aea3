// SPDX-License-Identifier: MIT
// Reports: what a run says, as Markdown. Of each metric the median of each contender, the range in
// which half of its samples lie, and its ratio to QEMU in dom0 with the interval of that, beside
// what the same thing differs by when it is measured twice.
#pragma once

#include "bench/density.hpp"
#include "bench/sample.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace linstub::bench {

std::string report(const Run &run);

// The costs of many guests, for fit().
std::vector<Point> density_points(const Run &run, std::string_view contender,
                                  std::string_view metric);

// The medians and their ratios to QEMU in dom0 for a terminal, 80 columns wide with two contenders.
std::string table(const Run &run);

// Of one contender, before and after a change: the ratio of each metric.
std::string compare(const Run &before, const Run &after);

} // namespace linstub::bench
