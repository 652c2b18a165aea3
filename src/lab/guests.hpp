// SPDX-License-Identifier: MIT
// The guests of demo and tests, built and kept in the cache.
//
// All are HVM. Two know nothing of Xen's PV drivers: they boot through the BIOS and a boot loader
// from an emulated IDE drive, use ata_piix, e1000 and VGA, and take commands on their serial port
// (config/guests/init).
#pragma once

#include "base/result.hpp"
#include "cache/cache.hpp"
#include "lab/dom0_disk.hpp"

#include <filesystem>

namespace linstub::lab {

struct Guest {
  std::filesystem::path directory;

  [[nodiscard]] std::filesystem::path disk() const { return directory / "disk.img"; } // raw, MBR
  [[nodiscard]] std::filesystem::path cd() const { return directory / "boot.iso"; }
  [[nodiscard]] std::filesystem::path kernel() const { return directory / "kernel"; } // direct boot
  [[nodiscard]] std::filesystem::path initrd() const { return directory / "initrd"; }
};

// A kernel of our own with just the drivers that the tests use: at its prompt within seconds. Boots
// from its disk or its CD. Compiling the kernel takes minutes, once: has_tiny_kernel() tells if it
// is there.
bool has_tiny_kernel(const cache::Cache &cache, const std::filesystem::path &config);
base::Result<Guest> get_tiny_guest(cache::Cache &cache, const std::filesystem::path &config);

// Debian's own kernel, that of dom0. Boots from a CD; its disk is for data.
base::Result<Guest> get_debian_guest(cache::Cache &cache, const std::filesystem::path &config,
                                     const Dom0 &dom0);

// Debian's own kernel again, with its PV drivers as modules: for a direct boot. It has no disk and
// no CD of its own.
base::Result<Guest> get_pv_guest(cache::Cache &cache, const std::filesystem::path &config,
                                 const Dom0 &dom0);

} // namespace linstub::lab
