// SPDX-License-Identifier: MIT
// LogBudget: how much of dom0's log a stub domain may fill: the lines that it causes pass through
// here. What is more is dropped and counted.
#pragma once

#include "base/token_bucket.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace linstub::dm {

class LogBudget {
public:
  // Bytes, as they come to stand in the log. A boot with log-level=debug has some tens of KiB.
  static constexpr uint64_t burst = uint64_t{128} << 10;
  static constexpr uint64_t per_second = 256;
  static constexpr uint64_t total = uint64_t{8} << 20; // as long as linstub-dm lives

  // Whether a line may be logged; if not, it is counted. A line that may is preceded by one that
  // says how many could not.
  bool admits(std::string_view line, base::Clock::time_point now);

private:
  base::TokenBucket bucket_{burst, per_second};
  uint64_t left_ = total;
  uint64_t dropped_ = 0;
};

} // namespace linstub::dm
