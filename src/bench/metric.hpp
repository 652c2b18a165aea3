// SPDX-License-Identifier: MIT
// Metrics: what is measured of a guest, in the order in which reports show it.
#pragma once

#include <span>
#include <string_view>

namespace linstub::bench {

struct Metric {
  std::string_view id; // in samples: "exit.port"
  std::string_view what;
  std::string_view unit; // of what is shown
  double scale;          // by which a sample, in s, bytes or a number, is multiplied to be shown
  int digits;            // behind the point
};

std::span<const Metric> metrics();

// Null if there is none.
const Metric *find_metric(std::string_view id);

} // namespace linstub::bench
