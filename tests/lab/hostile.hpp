// SPDX-License-Identifier: MIT
// A stub domain that was taken over: its image, made of linstub-adversary (tests/adversary/) and
// the kernel of the real one, and what of dom0 is looked at while it plays its trick.
#pragma once

#include "scenario.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace linstub::lab {

constexpr int64_t most_log = 2 << 10; // KiB, of its guest's log

// What a hostile stub domain could use up of dom0. Sizes are in KiB.
struct Figures {
  int64_t programs = 0; // resident memory of linstub-dm and all that belongs to it
  int64_t log = 0;      // of the guest's device model
  int64_t run = 0;      // used of /run
  int64_t disk = 0;     // used of /
  int64_t free = 0;     // memory
  // The longest turn of linstub-dm's event loop, in ms: of its CPU's time, and by the clock, which
  // runs on in a lab whose only CPU somebody else has.
  double turn = 0;
  double turn_by_clock = 0;
};

// The guest `t-bad` of a scenario, which is never let run, on a stub domain of the hostile image.
class HostileGuest {
public:
  static constexpr const char *name = "t-bad";

  // The scenario must outlive it.
  explicit HostileGuest(Scenario &scenario) : scenario_(scenario) {}

  // `xl create`; `extra` are further lines of its configuration.
  base::Result<> create(const std::string &trick, const std::vector<std::string> &extra = {});

  // From now on it plays.
  void go();

  Figures figures();

  // What it has told of its trick.
  std::string told();

  // Within their bounds, after what came `before`: said, and compared.
  static void expect_bounded(const Figures &before, const Figures &after);

  bool there();

  // `xl destroy`, and how long that took.
  void destroy_in_time();

  bool gone_within(base::Milliseconds limit);

  std::string log();

private:
  base::Result<> put_image();

  Scenario &scenario_;
};

} // namespace linstub::lab
