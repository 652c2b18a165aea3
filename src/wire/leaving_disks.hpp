// SPDX-License-Identifier: MIT
// Disks that dom0 is about to take out of the stub domain, and which of them QEMU has let go of:
// dom0 asks (wire/paths.hpp: linstub/leaving), linstub-init answers (data/linstub/left).
//
//   SERIAL NAME NAME...    asked: the names (xvdX) of the disks
//   SERIAL NAME NAME...    answered: those of them that may go, of the question of that serial
//
// One blank between. The serials of a stub domain count up from 1. Before it was asked,
// linstub-init answers "0", by which dom0 knows that it can be asked.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::wire {

struct LeavingDisks {
  uint64_t serial = 0;
  std::vector<std::string> names;

  bool operator==(const LeavingDisks &) const = default;
};

constexpr size_t longest_leaving = 512;

std::string encode(const LeavingDisks &disks);

// The names may be any: who reads an answer compares them with those that he has asked for.
base::Result<LeavingDisks> decode_leaving_disks(std::string_view text);

} // namespace linstub::wire
