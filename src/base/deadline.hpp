// SPDX-License-Identifier: MIT
// Deadline: a point in time that a wait must not go past. Every wait in Linstub takes one.
#pragma once

#include <algorithm>
#include <chrono>

namespace linstub::base {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

class Deadline {
public:
  static Deadline after(Milliseconds time) { return Deadline(Clock::now() + time); }
  explicit Deadline(Clock::time_point when) : when_(when) {}

  [[nodiscard]] Clock::time_point when() const { return when_; }
  [[nodiscard]] bool passed() const { return Clock::now() >= when_; }

  // The time left, rounded up to whole milliseconds, never negative: fit for poll(2).
  [[nodiscard]] Milliseconds left() const {
    auto left = std::chrono::ceil<Milliseconds>(when_ - Clock::now());
    return std::max(left, Milliseconds::zero());
  }

  [[nodiscard]] Deadline or_earlier(Deadline other) const {
    return Deadline(std::min(when_, other.when_));
  }

private:
  Clock::time_point when_;
};

} // namespace linstub::base
