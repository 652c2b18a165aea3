// SPDX-License-Identifier: MIT
// Paced: does something when it is asked to, but at most once in an interval, however often it is
// asked: for what a stub domain can ask for.
#pragma once

#include "base/event_loop.hpp"

#include <functional>
#include <utility>

namespace linstub::broker {

class Paced {
public:
  Paced(base::EventLoop &loop, base::Milliseconds interval, std::function<void()> call)
      : loop_(loop), interval_(interval), call_(std::move(call)) {}

  // Calls now, or, if the last call was less than an interval ago, once when the interval is over.
  void ask() {
    if (base::Deadline(next_).passed())
      return act();
    if (!std::exchange(asked_, true))
      later_ = loop_.at(base::Deadline(next_), [this] { act(); });
  }

private:
  void act() {
    asked_ = false;
    next_ = base::Clock::now() + interval_;
    call_();
  }

  base::EventLoop &loop_;
  base::Milliseconds interval_;
  std::function<void()> call_;
  base::Clock::time_point next_;
  bool asked_ = false;
  base::EventLoop::Handle later_;
};

} // namespace linstub::broker
