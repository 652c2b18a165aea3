// SPDX-License-Identifier: MIT
// What a report says of samples. No sample is left out, and nothing is assumed about how they are
// distributed.
#pragma once

#include <cstdint>
#include <span>

namespace linstub::bench {

// Of at least one sample.
double median(std::span<const double> samples);

// The value below which that share (0 to 1) of the samples lies, between two of them as the case
// may be. Of at least one sample.
double quantile(std::span<const double> samples, double share);

// A ratio of medians, and the interval in which it lies in 95 of 100 draws (with replacement) from
// the samples: the percentile bootstrap.
struct Ratio {
  double value = 0;
  double low = 0;
  double high = 0;

  // Whether the interval says more than that there is noise.
  [[nodiscard]] bool differs() const { return low > 1 || high < 1; }
};

// The median of `samples` to that of `reference`, at least one sample each. The same samples and
// the same seed give the same interval.
Ratio ratio(std::span<const double> samples, std::span<const double> reference, uint64_t seed = 1);

// What the same things measured twice differ by: the samples of odd rounds to those of even ones.
// Of at least two samples.
Ratio noise(std::span<const double> samples, uint64_t seed = 1);

} // namespace linstub::bench
