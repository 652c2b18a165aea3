// SPDX-License-Identifier: MIT
#include "broker/late_disk.hpp"

namespace linstub::broker {
namespace {

using base::Milliseconds;
using Phase = LateDisk::Phase;

constexpr Milliseconds between_looks{500}; // for the stub domain, which takes half a second
constexpr uint8_t most_waits = 40;
// A QEMU that is slow is not done with the one showing when the next begins: it gets longer each
// time.
constexpr Milliseconds to_connect{10'000};
constexpr uint8_t most_shows = 5;

} // namespace

LateStep step(LateDisk disk, const LateFacts &facts) {
  if (disk.phase == Phase::hidden) {
    if (facts.plugged)
      return {.disk = {.phase = Phase::shown,
                       .waits = disk.waits,
                       .shows = static_cast<uint8_t>(disk.shows + 1)},
              .pause = to_connect * (1U << disk.shows)};
    disk.waits++;
    if (disk.waits < most_waits)
      return {.disk = disk, .pause = between_looks};
    disk.phase = Phase::failed;
  } else if (disk.phase == Phase::shown) {
    if (!facts.met && disk.shows < most_shows) {
      disk.phase = Phase::hidden;
      return {.disk = disk, .pause = first_hidden * (1U << disk.shows)};
    }
    disk.phase = Phase::settled;
  }
  return {.disk = disk, .pause = Milliseconds::zero()};
}

} // namespace linstub::broker
