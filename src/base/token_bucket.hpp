// SPDX-License-Identifier: MIT
// TokenBucket: how much of something there may be: `burst` at once, and `per_second` in the long
// run. It has no clock of its own: the caller says what time it is. One thread.
#pragma once

#include "base/deadline.hpp"

#include <cstdint>

namespace linstub::base {

class TokenBucket {
public:
  // Full at first. Both are more than 0.
  TokenBucket(uint64_t burst, uint64_t per_second)
      : burst_(burst), per_second_(per_second), tokens_(burst) {}

  // Takes `wanted` tokens if there are as many, else none.
  bool take(uint64_t wanted, Clock::time_point now);

  // Takes as many as there are, at most `wanted`, and says how many.
  uint64_t take_some(uint64_t wanted, Clock::time_point now);

private:
  void refill(Clock::time_point now);

  uint64_t burst_;
  uint64_t per_second_;
  uint64_t tokens_;
  Clock::time_point filled_; // up to when tokens have been counted
};

} // namespace linstub::base
