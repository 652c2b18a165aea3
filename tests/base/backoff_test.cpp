// SPDX-License-Identifier: MIT
#include "base/backoff.hpp"

#include <gtest/gtest.h>

namespace linstub::base {
namespace {

TEST(Backoff, DoublesUpToTheLongestPauseAndBeginsAnewAfterASuccess) {
  Backoff backoff;
  for (int seconds : {2, 4, 8, 16, 32, 60, 60})
    EXPECT_EQ(backoff.next(), std::chrono::seconds(seconds));
  backoff.reset();
  EXPECT_EQ(backoff.next(), Backoff::first);
}

} // namespace
} // namespace linstub::base
