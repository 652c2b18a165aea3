// SPDX-License-Identifier: MIT
#include "base/token_bucket.hpp"

#include <algorithm>

namespace linstub::base {

void TokenBucket::refill(Clock::time_point now) {
  if (now <= filled_)
    return;
  using Seconds = std::chrono::duration<double>;
  const auto pace = static_cast<double>(per_second_);
  const double due = Seconds(now - filled_).count() * pace;
  if (filled_ == Clock::time_point() || due >= static_cast<double>(burst_)) {
    tokens_ = burst_;
    filled_ = now;
    return;
  }
  const auto more = static_cast<uint64_t>(due);
  tokens_ = std::min(burst_, tokens_ + more);
  // What was too little for a token is kept; nothing counts twice.
  filled_ = std::min(
      now, filled_ + std::chrono::ceil<Clock::duration>(Seconds(static_cast<double>(more) / pace)));
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
