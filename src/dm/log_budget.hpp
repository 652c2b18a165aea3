// SPDX-License-Identifier: MIT
// LogBudget: how much of dom0's log one source may fill, a stub domain for instance: the lines that
// it causes pass through here. What is more is dropped and counted.
#pragma once

#include "base/token_bucket.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace linstub::dm {

class LogBudget {
public:
  // Bytes, as they come to stand in the log. A boot with log-level=debug has some tens of KiB.
  struct Size {
    uint64_t burst = 0;
    uint64_t per_second = 0;
    uint64_t total = 0; // as long as linstub-dm lives
  };
  static constexpr Size of_a_stub_domain{
      .burst = uint64_t{128} << 10, .per_second = 256, .total = uint64_t{8} << 20};

  // `who` is the source, for people, and must outlive it (a literal).
  explicit LogBudget(std::string_view who = "the stub domain", const Size &size = of_a_stub_domain)
      : who_(who), total_(size.total), left_(size.total), bucket_(size.burst, size.per_second) {}

  // Whether a line may be logged; if not, it is counted. A line that may is preceded by one that
  // says how many could not.
  bool admits(std::string_view line, base::Clock::time_point now);

private:
  std::string_view who_;
  uint64_t total_;
  uint64_t left_;
  base::TokenBucket bucket_;
  uint64_t dropped_ = 0;
};

} // namespace linstub::dm
