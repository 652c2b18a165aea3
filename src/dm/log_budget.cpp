// SPDX-License-Identifier: MIT
#include "dm/log_budget.hpp"

#include "base/log.hpp"

#include <utility>

namespace linstub::dm {
namespace {

constexpr uint64_t around = 48; // bytes: who says it, and the end of the line

} // namespace

bool LogBudget::admits(std::string_view line, base::Clock::time_point now) {
  // With room for the line that says how many were dropped.
  const uint64_t cost = line.size() + (dropped_ == 0 ? around : 2 * around);
  if (left_ < cost) {
    if (std::exchange(left_, 0) != 0)
      base::log_warning("{} has said {} bytes: no more of it is logged", who_, total_);
    return false;
  }
  if (!bucket_.take(cost, now)) {
    dropped_++;
    return false;
  }
  left_ -= cost;
  if (uint64_t dropped = std::exchange(dropped_, 0))
    base::log_warning("{} says too much: {} lines dropped", who_, dropped);
  return true;
}

} // namespace linstub::dm
