// SPDX-License-Identifier: MIT
#include "stub/lent_memory.hpp"

#include "wire/memory.hpp"

#include <algorithm>

namespace linstub::stub {
namespace {

constexpr uint64_t mebibyte = 1024;
constexpr uint64_t page = 4;

} // namespace

LentMemory::LentMemory(uint32_t screen, uint32_t restore)
    : screen_(screen), restore_(restore * mebibyte), lent_(restore_) {}

std::optional<uint64_t> LentMemory::take(size_t viewers, const Balloon &now) {
  constexpr uint64_t kept_part = 4;
  if (now.target != set_)
    base_ = now.target - std::min(now.target, set_ == 0 ? lent_ : 0);
  const uint64_t need = restore_ + wire::memory_for_viewers(screen_, viewers) * mebibyte;
  if (need >= lent_) {
    lent_ = need;
  } else if (now.current <= now.target) { // and nothing is on its way back already
    const uint64_t had = now.current - std::min(now.current, base_);
    const uint64_t surplus = now.available - std::min(now.available, base_ / kept_part);
    lent_ = std::max(need, std::min(lent_, had) - std::min({surplus, lent_, had}));
  }
  uint64_t target = base_ + lent_;
  // The driver sleeps when it has made the room for new pages, and for an hour when some did not
  // come or go at once, but not if its target changes (drivers/xen/balloon.c, BP_WAIT and
  // BP_ECANCELED).
  if (target == now.target && now.current != target)
    target += page;
  set_ = target;
  return target == now.target ? std::nullopt : std::optional(target);
}

} // namespace linstub::stub
