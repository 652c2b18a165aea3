// SPDX-License-Identifier: MIT
#include "broker/late_disk.hpp"

#include <gtest/gtest.h>

namespace linstub::broker {
namespace {

using Phase = LateDisk::Phase;

TEST(LateDisk, IsShownWhenTheStubDomainHasItAndSettlesWhenADriverHasMetIt) {
  LateStep next = step({}, {.plugged = true});
  EXPECT_EQ(next.disk.phase, Phase::shown);
  EXPECT_GT(next.pause, base::Milliseconds::zero());
  next = step(next.disk, {.plugged = true, .met = true});
  EXPECT_EQ(next.disk.phase, Phase::settled);
  EXPECT_EQ(next.pause, base::Milliseconds::zero());
}

TEST(LateDisk, IsHiddenForLongerEachTimeUntilNoDriverCanBeThere) {
  LateDisk disk;
  base::Milliseconds before{0};
  int shows = 0;
  for (int i = 0; i < 100 && disk.phase != Phase::settled; i++) {
    const LateStep next = step(disk, {.plugged = true});
    if (next.disk.phase == Phase::hidden) {
      EXPECT_GT(next.pause, before);
      before = next.pause;
    }
    if (next.disk.phase == Phase::shown)
      shows++;
    disk = next.disk;
  }
  EXPECT_EQ(disk.phase, Phase::settled) << "it stays, for a driver that is loaded later";
  EXPECT_EQ(shows, 5);
  EXPECT_LE(before, base::Milliseconds(20'000));
}

TEST(LateDisk, FailsIfTheStubDomainNeverHasIt) {
  LateDisk disk;
  base::Milliseconds waited{0};
  for (int i = 0; i < 100 && disk.phase == Phase::hidden; i++) {
    const LateStep next = step(disk, {});
    waited += next.pause;
    disk = next.disk;
  }
  EXPECT_EQ(disk.phase, Phase::failed);
  EXPECT_GE(waited, base::Milliseconds(10'000));
  EXPECT_LE(waited, base::Milliseconds(60'000));
}

} // namespace
} // namespace linstub::broker
