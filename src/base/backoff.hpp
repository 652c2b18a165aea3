// SPDX-License-Identifier: MIT
// Backoff: the pauses between attempts at what has to succeed in the end, as the removal of a stub
// domain: twice as long each time, up to a longest one.
#pragma once

#include "base/deadline.hpp"

#include <algorithm>

namespace linstub::base {

class Backoff {
public:
  static constexpr Milliseconds first{2'000};
  static constexpr Milliseconds longest{60'000};

  // The pause after an attempt that has failed.
  [[nodiscard]] Milliseconds next() {
    pause_ = std::clamp(2 * pause_, first, longest);
    return pause_;
  }

  // An attempt has succeeded.
  void reset() { pause_ = {}; }

private:
  Milliseconds pause_{0};
};

} // namespace linstub::base
