// SPDX-License-Identifier: MIT
// What the guest is asked to do, and how often: a table.
#pragma once

#include "bench/metric.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace linstub::bench {

// How often a guest does what is measured, in one go.
enum class Thoroughness : uint8_t {
  quick, // to see that all is measured
  full,
};

struct Work {
  std::string_view metric;
  std::string_view what;  // of the guest's program `measure`
  std::string_view where; // behind the count
  unsigned quick = 0, full = 0;
  double times = 1;      // of what is done once, in a sample
  std::string_view dom0; // what waits for it there: a shell command, $count is how often
  // The CPU time of each domain meanwhile is a sample too: "load.disk" for "load.disk-dom0" and so
  // on, for each byte of those that are moved once.
  std::string_view load;
  double bytes = 0;
};

std::span<const Work> works();

// Addresses that guest and dom0 have in a network of their own on the bridge.
constexpr std::string_view dom0_address = "10.77.0.1";
constexpr std::string_view guest_address = "10.77.0.2";

inline unsigned times_of(const Work &work, Thoroughness thoroughness) {
  return thoroughness == Thoroughness::quick ? work.quick : work.full;
}

// The command for the guest's prompt.
std::string command_of(const Work &work, unsigned count);

// What one of them has taken, in s, from the guest's answer "+ measure NS".
base::Result<double> parse_answer(std::string_view answer);

} // namespace linstub::bench
