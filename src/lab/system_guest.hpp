// SPDX-License-Identifier: MIT
// The guest "system": a guest as people have it. Debian with its stock kernel, an initramfs of its
// own making and systemd, on a disk with GRUB and one ext4 partition. Its PV drivers take over the
// emulated disk and NIC when its kernel starts; it has the prompt of the lab's other guests on its
// serial port. What it is made from: config/guests/system.
#pragma once

#include "base/result.hpp"
#include "cache/cache.hpp"

#include <filesystem>

namespace linstub::lab {

// Its disk, twice over.
struct SystemGuest {
  std::filesystem::path directory;

  [[nodiscard]] std::filesystem::path raw() const { return directory / "disk.img"; } // sparse
  [[nodiscard]] std::filesystem::path qcow2() const { return directory / "disk.qcow2"; }
};

base::Result<SystemGuest> get_system_guest(cache::Cache &cache,
                                           const std::filesystem::path &config);

} // namespace linstub::lab
