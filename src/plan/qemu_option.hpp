// SPDX-License-Identifier: MIT
// QEMU's command line in the stub domain, option by option: what somebody looks into or changes
// later is kept as a structure. It becomes text once, when a stub domain is described.
#pragma once

#include "disk/disk.hpp"
#include "wire/options.hpp"

#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace linstub::plan {

// The value of -device.
struct Device {
  wire::Options options;
};

// The value of -drive: the disk of dom0 that is in it, and what else is said of it.
struct Drive {
  wire::Options options;
  std::optional<disk::Disk> disk; // none: a CD-ROM drive without a medium
};

struct QemuOption {
  std::string name; // "-device"
  // Nothing for a flag ("-no-shutdown"), plain text for what concerns QEMU alone.
  std::variant<std::monostate, std::string, Device, Drive> value;
};

// As QEMU is given them, without argv[0]. A disk is the block device that it is in the stub domain.
std::vector<std::string> render(std::span<const QemuOption> options);

} // namespace linstub::plan
