// SPDX-License-Identifier: MIT
// Inventory: what there is in dom0 that a guest and its stub domain could leave behind.
#pragma once

#include "base/result.hpp"
#include "lab/host.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::lab {

// Shell: sets $device_models to a pattern for awk, of the names (comm) of the processes that are in
// dom0 because of a guest. Debian's QEMU there is called xen-qemu-system-i386.
constexpr const char *name_device_models = "device_models='^(linstub|(xen-)?qemu|vchan)'\n";

class Inventory {
public:
  // Domains, loop devices, vifs and taps, xenstore directories of domains, backends and device
  // models, processes of guests, sockets, files and mounts below /run.
  static base::Result<Inventory> take(const Host &host);

  // From the lines that take() gets: "kind what".
  static Inventory parse(std::string_view lines);

  // What this one has and `before` does not.
  [[nodiscard]] std::vector<std::string> more_than(const Inventory &before) const;

private:
  std::multiset<std::string> items_;
};

} // namespace linstub::lab
