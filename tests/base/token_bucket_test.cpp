// SPDX-License-Identifier: MIT
#include "base/token_bucket.hpp"

#include <gtest/gtest.h>

namespace linstub::base {
namespace {

const Clock::time_point start = Clock::time_point() + std::chrono::hours(1);
Clock::time_point after(int milliseconds) { return start + Milliseconds(milliseconds); }

TEST(TokenBucket, IsFullAtFirstAndFillsUpAgain) {
  TokenBucket bucket(10, 100);
  EXPECT_TRUE(bucket.take(10, start));
  EXPECT_FALSE(bucket.take(1, start));
  EXPECT_FALSE(bucket.take(1, after(9)));
  EXPECT_TRUE(bucket.take(1, after(10)));
  EXPECT_FALSE(bucket.take(3, after(30)));
  EXPECT_TRUE(bucket.take(2, after(30)));
}

TEST(TokenBucket, HoldsNoMoreThanItsBurst) {
  TokenBucket bucket(10, 100);
  EXPECT_EQ(bucket.take_some(10, start), 10U);
  EXPECT_EQ(bucket.take_some(1000, after(60'000)), 10U);
}

TEST(TokenBucket, GivesAllThatIsDueHoweverOftenItIsAsked) {
  TokenBucket bucket(1000, 3);
  EXPECT_EQ(bucket.take_some(1000, start), 1000U);
  uint64_t taken = 0;
  for (int i = 1; i <= 10'000; i++)
    taken += bucket.take_some(1, after(i));
  EXPECT_GE(taken, 29U); // 10 s
  EXPECT_LE(taken, 30U);
}

// However fast the pace, and however short the time between two questions.
TEST(TokenBucket, GivesNoMoreThanIsDue) {
  constexpr uint64_t pace = uint64_t{32} << 20;
  TokenBucket bucket(pace, pace);
  EXPECT_EQ(bucket.take_some(pace, start), pace);
  uint64_t taken = 0;
  for (int i = 1; i <= 5'000; i++)
    taken += bucket.take_some(pace, start + std::chrono::microseconds(100 * i));
  EXPECT_GE(taken, pace / 2 - 5'000); // half a second
  EXPECT_LE(taken, pace / 2);
}

TEST(TokenBucket, DoesNotMindATimeThatIsFarAwayOrBefore) {
  TokenBucket bucket(uint64_t{1} << 40, uint64_t{1} << 40);
  EXPECT_TRUE(bucket.take(uint64_t{1} << 40, start));
  EXPECT_FALSE(bucket.take(1, start - std::chrono::hours(1)));
  EXPECT_TRUE(bucket.take(uint64_t{1} << 40, start + std::chrono::hours(24 * 365 * 20)));
}

} // namespace
} // namespace linstub::base
