// SPDX-License-Identifier: MIT
#include "stub/viewer_memory.hpp"

#include "wire/memory.hpp"

#include <algorithm>

namespace linstub::stub {

std::optional<uint64_t> ViewerMemory::take(size_t viewers, const Balloon &now) {
  constexpr uint64_t page = 4;
  if (now.target != set_) {
    // What it takes away then is not ours to give back.
    available_ -= std::min(available_, base_ - std::min(base_, now.target));
    base_ = now.target;
  }
  need_ = uint64_t{wire::memory_for_viewers(screen_, viewers)} << 10;
  if (lent_ == 0)
    available_ = now.available;
  if (need_ >= lent_) {
    lent_ = need_;
  } else if (now.current <= now.target) { // and nothing is on its way back already
    const uint64_t had = now.current - std::min(now.current, base_);
    const uint64_t surplus = now.available - std::min(now.available, available_);
    lent_ = std::max(need_, std::min(lent_, had) - std::min({surplus, lent_, had}));
  }
  uint64_t target = base_ + lent_;
  // The driver sleeps a second when it has made the room for new pages, but not if its target
  // changes meanwhile (drivers/xen/balloon.c, BP_WAIT).
  if (target == now.target && now.current < target)
    target += page;
  set_ = target;
  return target == now.target ? std::nullopt : std::optional(target);
}

} // namespace linstub::stub
