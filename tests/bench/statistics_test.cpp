// SPDX-License-Identifier: MIT
#include "bench/statistics.hpp"

#include <gmock/gmock.h>

#include <random>
#include <vector>

namespace linstub::bench {
namespace {

std::vector<double> normal(double mean, double deviation, size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> distribution(mean, deviation);
  std::vector<double> samples;
  samples.reserve(count);
  for (size_t i = 0; i < count; i++)
    samples.push_back(distribution(random));
  return samples;
}

TEST(Statistics, AMedianIsTheMiddleOrBetweenTheTwoInTheMiddle) {
  EXPECT_EQ(median(std::vector<double>{3}), 3);
  EXPECT_EQ(median(std::vector<double>{9, 1, 3}), 3);
  EXPECT_EQ(median(std::vector<double>{9, 1, 3, 4}), 3.5);
}

TEST(Statistics, QuantilesLieBetweenSamples) {
  const std::vector<double> samples{4, 1, 3, 2, 5};
  EXPECT_EQ(quantile(samples, 0), 1);
  EXPECT_EQ(quantile(samples, 0.25), 2);
  EXPECT_EQ(quantile(samples, 1), 5);
}

TEST(Statistics, ARatioOfOneSampleToAnotherHasNoWidth) {
  const Ratio one = ratio(std::vector<double>{3}, std::vector<double>{2});
  EXPECT_EQ(one.value, 1.5);
  EXPECT_EQ(one.low, 1.5);
  EXPECT_EQ(one.high, 1.5);
}

TEST(Statistics, TheSameSeedGivesTheSameInterval) {
  const auto samples = normal(12, 1, 10, 1);
  const auto others = normal(10, 1, 10, 2);
  EXPECT_EQ(ratio(samples, others, 7).low, ratio(samples, others, 7).low);
  EXPECT_NE(ratio(samples, others, 7).low, ratio(samples, others, 8).low);
}

// What a 95 % interval is: of many runs it has the true ratio in it in about so many.
TEST(Statistics, TheIntervalHasTheTrueRatioInItAboutAsOftenAsItSays) {
  constexpr int runs = 100;
  int inside = 0;
  for (uint64_t i = 0; i < runs; i++) {
    const Ratio one = ratio(normal(12, 2, 15, 2 * i + 1), normal(10, 2, 15, 2 * i + 2));
    inside += one.low <= 1.2 && 1.2 <= one.high ? 1 : 0;
  }
  EXPECT_GE(inside, 85);
  EXPECT_LE(inside, 100);
}

TEST(Statistics, SamplesOfTheSameThingDoNotDiffer) {
  EXPECT_FALSE(noise(normal(10, 1, 20, 3)).differs());
  EXPECT_TRUE(ratio(normal(20, 1, 20, 3), normal(10, 1, 20, 4)).differs());
}

} // namespace
} // namespace linstub::bench
