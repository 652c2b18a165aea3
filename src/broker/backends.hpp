// SPDX-License-Identifier: MIT
// The backends, in dom0, that libxl expects its device model to be: a table of their kinds, and for
// each what QEMU in a stub domain needs to be one in dom0's place. No I/O.
//
// What is read here libxl has written, in dom0's own nodes.
#pragma once

#include "base/result.hpp"
#include "disk/disk.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace linstub::broker {

// Which of a guest's backends: .../backend/<kind>/<guest>/<number>.
struct BackendId {
  std::string kind;
  uint32_t number = 0;

  auto operator<=>(const BackendId &) const = default;
};

// The nodes of a backend, by their names.
using BackendNodes = std::map<std::string, std::string>;

// How a backend is moved into the stub domain.
struct BackendMove {
  std::string device; // its frontend is .../device/<device>/<number> of the guest
  // The image that it serves, without a name in the stub domain: QEMU is to have it from that.
  std::optional<disk::Disk> disk;
  std::vector<std::pair<std::string, std::string>> nodes; // that go with it as they are
  // A guest whose driver has it does not go on without it.
  bool needed = false;
};

// All kinds that are looked for, and whether one of that kind and number is the device model's.
std::span<const std::string_view> backend_kinds();
bool is_of_device_model(const BackendId &id);

// How that backend is moved; nothing if nobody misses it. An error for one that cannot be served.
base::Result<std::optional<BackendMove>> plan_backend(const BackendId &id,
                                                      const BackendNodes &nodes);

// The frontend's kind, for a backend of that kind.
std::string_view device_of(std::string_view kind);

} // namespace linstub::broker
