// SPDX-License-Identifier: MIT
// Density: what one guest more costs, and so what many will.
#pragma once

#include "bench/contender.hpp"
#include "bench/look.hpp"
#include "bench/measure.hpp"
#include "lab/host.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace linstub::bench {

// What there is with so many guests, all of them idle. The metrics are those of table of
// density_metrics().
struct Crowd {
  uint32_t guests = 0;
  Values values;
};

// From one guest to so many, which are small, have neither disk nor network of their own but the
// CD-ROM drive or the kernel that they boot from, and wait at their prompt. Nothing is left.
base::Result<std::vector<Crowd>> measure_density(const lab::Host &host, const Contender &contender,
                                                 const Measure &wanted, unsigned guests);

// What a crowd is measured by.
std::span<const Metric> density_metrics();

// cost = base + each * guests, by least squares, and how sure that is.
struct Line {
  double base = 0;
  double each = 0;
  double deviation = 0;  // of the samples from the line: the standard error of the regression
  double each_error = 0; // the standard error of `each`
  double mean = 0;       // of the numbers of guests
  double spread = 0;     // the sum of the squares of their distances from it
  size_t samples = 0;

  [[nodiscard]] double at(double guests) const { return base + each * guests; }
  // The standard error of at(): grows with the distance from what was measured.
  [[nodiscard]] double error_at(double guests) const;
};

struct Point {
  double guests = 0;
  double cost = 0;
};

// Of at least three points with at least two numbers of guests.
base::Result<Line> fit(std::span<const Point> points);

} // namespace linstub::bench
