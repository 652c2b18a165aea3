// SPDX-License-Identifier: MIT
#include "base/token_bucket.hpp"

#include <algorithm>

namespace linstub::base {

void TokenBucket::refill(Clock::time_point now) {
  if (now <= filled_)
    return;
  using std::chrono::duration_cast;
  // The time after which it is full whatever was taken, so that no product below overflows.
  const Milliseconds to_fill{burst_ * 1000 / per_second_ + 1};
  if (filled_ == Clock::time_point() || now - filled_ >= to_fill) {
    tokens_ = burst_;
    filled_ = now;
    return;
  }
  auto passed = static_cast<uint64_t>(duration_cast<Milliseconds>(now - filled_).count());
  const uint64_t more = passed * per_second_ / 1000;
  if (more == 0)
    return; // the time counts on
  tokens_ = std::min(burst_, tokens_ + more);
  // What was too little for a token is kept.
  filled_ += Milliseconds(more * 1000 / per_second_);
}

bool TokenBucket::take(uint64_t wanted, Clock::time_point now) {
  refill(now);
  if (tokens_ < wanted)
    return false;
  tokens_ -= wanted;
  return true;
}

uint64_t TokenBucket::take_some(uint64_t wanted, Clock::time_point now) {
  refill(now);
  const uint64_t taken = std::min(wanted, tokens_);
  tokens_ -= taken;
  return taken;
}

} // namespace linstub::base
