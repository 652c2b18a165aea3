// SPDX-License-Identifier: MIT
// Contenders: the ways in which the same guest can have a device model, measured in turn.
#pragma once

#include "base/result.hpp"
#include "lab/guest_run.hpp"

#include <span>
#include <string_view>
#include <vector>

namespace linstub::bench {

struct Contender {
  std::string_view name; // in samples and options
  std::string_view what;
  lab::DeviceModel device_model;
};

// What all others are compared with.
constexpr std::string_view reference = "dom0";

std::span<const Contender> contenders();

// Null if there is none.
const Contender *find_contender(std::string_view name);

// Of a list with commas: "dom0,linstub".
base::Result<std::vector<Contender>> parse_contenders(std::string_view list);

// The order in a round, from 1 on: each contender is in each place as often as any other, so that
// what drifts while they are measured favours none.
std::vector<Contender> order_in(uint32_t round, std::vector<Contender> contenders);

} // namespace linstub::bench
