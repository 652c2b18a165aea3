// SPDX-License-Identifier: MIT
// A PV disk that a running guest gets (`xl block-attach`). libxl shows the guest a backend in dom0,
// and a driver does not look for another one than it has met. So the device is taken away from the
// guest at once, while its driver still waits for that backend, and shown anew when the stub domain
// serves it. No driver says when it has noticed that a device is gone: if none connects, the device
// was shown too soon, and is taken away for longer. A pure function: what follows when its time is
// over.
#pragma once

#include "base/deadline.hpp"

#include <cstdint>

namespace linstub::broker {

struct LateDisk {
  enum class Phase : uint8_t {
    hidden,  // from the guest
    shown,   // a driver may connect
    settled, // one has, or none will
    failed,  // the stub domain has not got the disk
  };
  Phase phase = Phase::hidden;
  uint8_t waits = 0; // for the stub domain
  uint8_t shows = 0; // how often it was shown

  bool operator==(const LateDisk &) const = default;
};

// What is known of it.
struct LateFacts {
  bool plugged = false; // the stub domain has it
  bool met = false;     // a driver has begun to connect
};

struct LateStep {
  LateDisk disk;
  base::Milliseconds pause{}; // until the next step; none after the last one
};

// How long it is hidden at first.
constexpr base::Milliseconds first_hidden{1'000};

LateStep step(LateDisk disk, const LateFacts &facts);

} // namespace linstub::broker
