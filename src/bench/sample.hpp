// SPDX-License-Identifier: MIT
// Samples: what a run of the benchmarks has measured, as lines of JSON: one that says what was run,
// and one for each value. A file may have been cut off or put together by hand, so it is read
// strictly.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::bench {

struct Sample {
  std::string contender;
  std::string metric;
  uint32_t round = 0;  // from 1 on
  uint32_t place = 0;  // of the contender in its round, from 1 on
  uint32_t guests = 1; // how many there were
  // Of a time in a lab: the part of it in which the lab's emulator had a CPU. What the report calls
  // the sample is their product.
  double share = 1;
  double value = 0; // in s, bytes, or a number
  // What the lab's CPUs have executed for it (look.hpp, look_at_counts()); empty if nobody counted.
  std::map<std::string, double, std::less<>> counts;

  bool operator==(const Sample &) const = default;
};

// All that is needed to do it again: names and values, in order.
using Circumstances = std::vector<std::pair<std::string, std::string>>;

struct Run {
  Circumstances circumstances;
  std::vector<Sample> samples;

  // The values of one contender, in the order of their rounds; times without those in which the lab
  // had no CPU.
  [[nodiscard]] std::vector<double> values(std::string_view contender,
                                           std::string_view metric) const;
  // Of one contender and one metric, all of them, in the order of their rounds.
  [[nodiscard]] std::vector<Sample> samples_of(std::string_view contender,
                                               std::string_view metric) const;
  // One of their counts, in the order of their rounds.
  [[nodiscard]] std::vector<double> counts(std::string_view contender, std::string_view metric,
                                           std::string_view count) const;
  // Those that there are samples of, in the order of their first.
  [[nodiscard]] std::vector<std::string> contenders() const;
};

// A line each, without the newline.
std::string to_json(const Circumstances &circumstances);
std::string to_json(const Sample &sample);

// Several files of samples as one. The circumstances are those of the first, and what is different
// in another, by its number.
Run join(std::vector<Run> runs);

// The error names the line.
base::Result<Run> parse_run(std::string_view lines);

} // namespace linstub::bench
