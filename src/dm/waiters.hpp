// SPDX-License-Identifier: MIT
// Waiters: calls that are due when somebody has nothing to do any more, in the order in which they
// were asked for.
#pragma once

#include <deque>
#include <functional>
#include <utility>

namespace linstub::dm {

class Waiters {
public:
  using Call = std::function<void()>;

  void add(Call call) { calls_.push_back(std::move(call)); }

  // Makes the calls that wait, each if `idle()` says yes just before it: one may make its owner
  // busy again, and then the others wait on.
  template <class Idle>
  void tell(const Idle &idle) {
    while (!calls_.empty() && idle()) {
      Call call = std::move(calls_.front());
      calls_.pop_front();
      call();
    }
  }

private:
  std::deque<Call> calls_;
};

} // namespace linstub::dm
