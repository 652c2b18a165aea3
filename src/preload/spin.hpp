// SPDX-License-Identifier: MIT
// How long it pays to look at the ioreq pages before one sleeps. Pure: time is what the caller
// says.
//
// A sleep and the wake-up after it cost something, `worth`. Who looks for as long as that before he
// sleeps never takes more than twice the time of the better way. Whether it is the better way is
// learned: each find earns what the sleep would have cost, each look costs what it took. A guest
// whose requests come seldom soon has a loss, and then there is only a probe now and then, twice as
// seldom after each that found nothing. What this cannot see is that the CPU went to somebody else
// while it looked: where guest, stub domain and dom0 share one, a find may be no gain.
#pragma once

#include <algorithm>
#include <cstdint>

namespace linstub::preload {

class Spin {
public:
  using Nanoseconds = uint64_t;
  static constexpr uint32_t seldomest = 4096; // sleeps for each probe

  static Spin off() { return {Way::off, 0}; }
  static Spin always(Nanoseconds time) { return {Way::always, time}; }
  static Spin learned(Nanoseconds worth) { return {Way::learned, worth}; }

  // How long to look before this sleep; 0: not at all.
  Nanoseconds budget() {
    if (way_ != Way::learned || gain_ >= 0)
      return worth_;
    if (until_probe_ > 0) {
      until_probe_--;
      return 0;
    }
    return worth_;
  }

  void found(Nanoseconds spent) {
    if (gain_ < 0) { // a probe: try it again in earnest
      gain_ = 0;
      interval_ = 1;
    }
    gain_ = std::min(gain_ + signed_(worth_) - signed_(std::min(spent, worth_)), bound());
  }

  void missed(Nanoseconds spent) {
    const bool was_probe = gain_ < 0;
    gain_ = std::max(gain_ - signed_(std::min(spent, worth_)), -bound());
    if (gain_ >= 0)
      return;
    if (was_probe)
      interval_ = std::min(interval_ * 2, seldomest);
    until_probe_ = interval_;
  }

private:
  enum class Way : uint8_t { off, always, learned };

  Spin(Way way, Nanoseconds worth) : way_(way), worth_(worth) {}

  static int64_t signed_(Nanoseconds time) { return static_cast<int64_t>(time); }
  // So much is remembered that a pause of the guest's work does not end what pays.
  [[nodiscard]] int64_t bound() const { return 4 * signed_(worth_); }

  Way way_;
  Nanoseconds worth_;
  int64_t gain_ = 0;
  uint32_t interval_ = 1;
  uint32_t until_probe_ = 0;
};

} // namespace linstub::preload
