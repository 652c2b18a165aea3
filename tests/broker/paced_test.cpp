// SPDX-License-Identifier: MIT
#include "broker/paced.hpp"

#include <gtest/gtest.h>

namespace linstub::broker {
namespace {

using base::Deadline;
using base::Milliseconds;

TEST(Paced, CallsAtOnceAndThenOnceForAllThatIsAskedInTheInterval) {
  auto loop = base::EventLoop::create().value();
  int calls = 0;
  Paced paced(*loop, Milliseconds(50), [&] { calls++; });
  paced.ask();
  EXPECT_EQ(calls, 1);
  for (int i = 0; i < 1000; i++)
    paced.ask();
  EXPECT_EQ(calls, 1);
  ASSERT_TRUE(loop->run_until(Deadline::after(Milliseconds(200))));
  EXPECT_EQ(calls, 2);
  paced.ask();
  EXPECT_EQ(calls, 3) << "an interval has passed since";
}

TEST(Paced, MayBeAskedFromItsOwnCall) {
  auto loop = base::EventLoop::create().value();
  int calls = 0;
  Paced *self = nullptr;
  Paced paced(*loop, Milliseconds(5), [&] {
    if (++calls < 4)
      self->ask();
    else
      loop->stop();
  });
  self = &paced;
  paced.ask();
  ASSERT_TRUE(loop->run_until(Deadline::after(Milliseconds(10'000))));
  EXPECT_EQ(calls, 4);
}

} // namespace
} // namespace linstub::broker
