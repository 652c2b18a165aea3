// SPDX-License-Identifier: MIT
// For tests of what lives in an EventLoop: time that passes by turns, not by the clock, so that a
// busy machine changes nothing.
#pragma once

#include "base/event_loop.hpp"

#include <gtest/gtest.h>

namespace linstub::fake {

// Serves what is ready, and `turns` times what has become ready by that.
inline void serve_ready(base::EventLoop &loop, int turns = 8) {
  for (int i = 0; i < turns; i++) {
    auto end = loop.soon([&] { loop.stop(); }); // a turn calls it after all that is ready
    ASSERT_TRUE(loop.run_until(base::Deadline::after(base::Milliseconds(10'000))));
  }
}

// Serves until `done`, for what does take time: 10 s at most.
template <class Done>
void serve_until(base::EventLoop &loop, const Done &done) {
  auto late = base::Deadline::after(base::Milliseconds(10'000));
  while (!done()) {
    ASSERT_FALSE(late.passed()) << "it has not come in 10 s";
    ASSERT_TRUE(loop.run_until(base::Deadline::after(base::Milliseconds(5))));
  }
}

} // namespace linstub::fake
