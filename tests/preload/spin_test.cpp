// SPDX-License-Identifier: MIT
#include "preload/spin.hpp"

#include <gtest/gtest.h>

namespace linstub::preload {
namespace {

constexpr Spin::Nanoseconds worth = 1000;

// A guest that asks again `gap` after each answer; what was spent looking in `sleeps` turns.
struct Outcome {
  uint64_t looked = 0;
  int found = 0;
};
Outcome run(Spin &spin, Spin::Nanoseconds gap, int sleeps) {
  Outcome outcome;
  for (int i = 0; i < sleeps; i++) {
    const auto budget = spin.budget();
    if (budget == 0)
      continue;
    if (gap < budget) {
      spin.found(gap);
      outcome.looked += gap;
      outcome.found++;
    } else {
      spin.missed(budget);
      outcome.looked += budget;
    }
  }
  return outcome;
}

TEST(SpinTest, LooksForAGuestThatAsksAgainAtOnce) {
  Spin spin = Spin::learned(worth);
  EXPECT_EQ(run(spin, 300, 1000).found, 1000);
}

TEST(SpinTest, LooksSeldomForAGuestThatDoesNot) {
  Spin spin = Spin::learned(worth);
  const Outcome outcome = run(spin, 10 * worth, 100'000);
  EXPECT_EQ(outcome.found, 0);
  // A few at first, then twice as seldom each time: less than a thousandth of the sleeps.
  EXPECT_LT(outcome.looked, 50 * worth);
  EXPECT_GT(outcome.looked, 0U);
}

TEST(SpinTest, NoticesThatItPaysAgain) {
  Spin spin = Spin::learned(worth);
  run(spin, 10 * worth, 100'000);
  EXPECT_GE(run(spin, 300, 10'000).found, 10'000 - static_cast<int>(Spin::seldomest));
}

TEST(SpinTest, GoesOnThroughASeldomPause) {
  Spin spin = Spin::learned(worth);
  run(spin, 300, 100);
  int found = 0;
  for (int i = 0; i < 100; i++) {
    run(spin, 10 * worth, 1); // a pause
    found += run(spin, 300, 9).found;
  }
  EXPECT_EQ(found, 900);
}

TEST(SpinTest, IsBoundedInWhatItLoses) {
  // The worst guest: it asks just when nobody looks any more, but often enough to be tried again.
  Spin spin = Spin::learned(worth);
  uint64_t lost = 0;
  uint64_t saved = 0;
  for (int i = 0; i < 100'000; i++) {
    const auto budget = spin.budget();
    if (budget == 0)
      continue;
    if (i % 7 == 0) {
      spin.found(budget / 2);
      saved += worth - budget / 2;
    } else {
      spin.missed(budget);
      lost += budget;
    }
  }
  // Of the time that the sleeps cost, a fifth at most.
  EXPECT_LT(lost, saved + 100'000 * worth / 5);
}

TEST(SpinTest, DoesAsItIsTold) {
  Spin off = Spin::off();
  EXPECT_EQ(run(off, 1, 100).looked, 0U);
  Spin always = Spin::always(500);
  EXPECT_EQ(run(always, 10'000, 100).looked, 50'000U);
}

} // namespace
} // namespace linstub::preload
