// SPDX-License-Identifier: MIT
// Metrics: what is measured of a guest, in the order in which reports show it. Of all of them less
// is better.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>

namespace linstub::bench {

// What is measured together, and can be left out together.
enum class Group : uint8_t { start, exit, disk, ahci, pv, network, screen, resources, state };
using Groups = std::set<Group>;

Groups all_groups();
std::string_view group_name(Group group);  // "disk"
std::string_view group_title(Group group); // of its part of a report

std::string group_names(); // for people: "start, exit, ..."

// Of a list with commas: "start,disk".
base::Result<Groups> parse_groups(std::string_view list);

struct Metric {
  std::string_view id; // in samples: "exit.port"
  Group group = Group::start;
  std::string_view what;
  std::string_view unit; // of what is shown
  double scale = 1;      // by which a sample, in s, bytes or a number, is multiplied to be shown
  int digits = 1;        // behind the point
  unsigned needs = 0;    // what a contender must have for it (contender.hpp)
  bool may_be_zero =
      false; // as far as it is counted: Xen's tool tells CPU time in tenths of a second
};

std::span<const Metric> metrics();

// Null if there is none.
const Metric *find_metric(std::string_view id);

} // namespace linstub::bench
