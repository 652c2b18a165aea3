// SPDX-License-Identifier: MIT
#include "bench/density.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <random>
#include <vector>

namespace linstub::bench {
namespace {

using testing::DoubleNear;

TEST(Line, GoesThroughWhatLiesOnOne) {
  const std::vector<Point> points{{1, 5}, {2, 7}, {3, 9}, {4, 11}};
  auto line = fit(points);
  ASSERT_TRUE(line) << line.error().message();
  EXPECT_THAT(line->base, DoubleNear(3, 1e-9));
  EXPECT_THAT(line->each, DoubleNear(2, 1e-9));
  EXPECT_THAT(line->at(100), DoubleNear(203, 1e-6));
  EXPECT_THAT(line->error_at(1000), DoubleNear(0, 1e-6));
}

// y = 1, 3, 2: the line is 1 + x/2; squares of what is off it: 1/4 + 1 + 1/4.
TEST(Line, SaysHowFarItIsOff) {
  const std::vector<Point> points{{1, 1}, {2, 3}, {3, 2}};
  auto line = fit(points);
  ASSERT_TRUE(line) << line.error().message();
  EXPECT_THAT(line->each, DoubleNear(0.5, 1e-9));
  EXPECT_THAT(line->deviation, DoubleNear(std::sqrt(1.5), 1e-9));
  EXPECT_THAT(line->each_error, DoubleNear(std::sqrt(1.5 / 2), 1e-9));
  EXPECT_GT(line->error_at(100), line->error_at(3));
}

// Twice the standard error has the true value in it in about 95 of 100 cases.
TEST(Line, ItsErrorIsWhatItSays) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> noise(0, 3);
  constexpr int runs = 200;
  int inside = 0;
  for (int run = 0; run < runs; run++) {
    std::vector<Point> points;
    for (int guests = 1; guests <= 12; guests++)
      points.push_back({static_cast<double>(guests), 10 + 4 * guests + noise(random)});
    auto line = fit(points);
    ASSERT_TRUE(line) << line.error().message();
    inside += std::abs(line->at(100) - 410) < 2 * line->error_at(100) ? 1 : 0;
  }
  EXPECT_GE(inside, 170);
}

TEST(Line, NeedsThreePointsOfTwoNumbers) {
  EXPECT_FALSE(fit(std::vector<Point>{{1, 1}, {2, 2}}));
  EXPECT_FALSE(fit(std::vector<Point>{{1, 1}, {1, 2}, {1, 3}}));
  EXPECT_TRUE(fit(std::vector<Point>{{1, 1}, {2, 2}, {2, 3}}));
}

} // namespace
} // namespace linstub::bench
