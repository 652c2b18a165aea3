// SPDX-License-Identifier: MIT
#include "bench/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace linstub::bench {
namespace {

constexpr size_t draws = 4000;
constexpr double tail = 0.025; // of 95 %, on each side

double sorted_quantile(std::span<const double> sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(std::floor(place));
  const size_t above = std::min(below + 1, sorted.size() - 1);
  const double part = place - static_cast<double>(below);
  return sorted[below] * (1 - part) + sorted[above] * part;
}

std::vector<double> sorted(std::span<const double> samples) {
  std::vector<double> copy(samples.begin(), samples.end());
  std::ranges::sort(copy);
  return copy;
}

// As many samples, each any of them.
double median_of_a_draw(std::span<const double> samples, std::mt19937_64 &random,
                        std::vector<double> &drawn) {
  drawn.clear();
  for (size_t i = 0; i < samples.size(); i++)
    drawn.push_back(samples[random() % samples.size()]);
  std::ranges::sort(drawn);
  return sorted_quantile(drawn, 0.5);
}

} // namespace

double quantile(std::span<const double> samples, double share) {
  return sorted_quantile(sorted(samples), share);
}

double median(std::span<const double> samples) { return quantile(samples, 0.5); }

Ratio ratio(std::span<const double> samples, std::span<const double> reference, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<double> ratios;
  std::vector<double> drawn;
  ratios.reserve(draws);
  drawn.reserve(std::max(samples.size(), reference.size()));
  for (size_t i = 0; i < draws; i++) {
    const double above = median_of_a_draw(samples, random, drawn);
    ratios.push_back(above / median_of_a_draw(reference, random, drawn));
  }
  std::ranges::sort(ratios);
  return {.value = median(samples) / median(reference),
          .low = sorted_quantile(ratios, tail),
          .high = sorted_quantile(ratios, 1 - tail)};
}

Ratio noise(std::span<const double> samples, uint64_t seed) {
  std::vector<double> odd;
  std::vector<double> even;
  for (size_t i = 0; i < samples.size(); i++)
    (i % 2 == 0 ? odd : even).push_back(samples[i]);
  return ratio(odd, even, seed);
}

} // namespace linstub::bench
