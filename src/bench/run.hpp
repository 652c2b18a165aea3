// SPDX-License-Identifier: MIT
// A run of the benchmarks: each contender once in each round, in turn.
#pragma once

#include "bench/contender.hpp"
#include "bench/density.hpp"
#include "bench/measure.hpp"
#include "bench/sample.hpp"
#include "lab/host.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace linstub::bench {

struct RunOptions {
  std::vector<Contender> contenders;
  uint32_t rounds = 1;
  Measure measure;
  unsigned guests = 0;         // in place of the groups: what so many guests cost (density.hpp)
  Circumstances circumstances; // beside what the host says of itself
  // Each line of the samples as soon as it is there (sample.hpp), so that a run that is broken off
  // is not lost. May be empty.
  std::function<base::Result<>(const std::string &line)> write;
  // How far it is: for people. May be empty.
  std::function<void(const std::string &said)> tell;
  // After a failure: whether it was the host's own and not the contender's, in words. Then it is
  // measured once more, and that is counted. May be empty.
  std::function<std::optional<std::string>()> excuse;
};

// A contender that fails has no samples in that round; the others go on. What has failed is told at
// once, and is `failures`. The error is one of writing, or of the host before anything is measured.
struct Outcome {
  Run run;
  std::vector<std::string> failures;
};
base::Result<Outcome> run(const lab::Host &host, const RunOptions &options);

} // namespace linstub::bench
