// SPDX-License-Identifier: MIT
// dom0's disk: a Debian Xen host made by mmdebstrap, as a qcow2 image, with the hypervisor, kernel
// and initrd that start it. Made without mounts and loop devices, kept in the cache.
#pragma once

#include "base/result.hpp"
#include "cache/cache.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::lab {

// The files of a dom0, in one directory.
struct Dom0 {
  std::filesystem::path directory;

  [[nodiscard]] std::filesystem::path xen() const { return directory / "xen.bin"; }
  [[nodiscard]] std::filesystem::path kernel() const { return directory / "vmlinuz"; }
  [[nodiscard]] std::filesystem::path initrd() const { return directory / "initrd"; }
  [[nodiscard]] std::filesystem::path disk() const { return directory / "dom0.qcow2"; }
  [[nodiscard]] std::filesystem::path identity() const { return directory / "id"; } // root's key
  // The kernel package's version: guests use the same kernel.
  [[nodiscard]] std::filesystem::path kernel_release() const { return directory / "release"; }
};

// What dom0 is made from: config/suite, config/packages/dom0.list and config/lab below `config`.
// With an addition, also what is in that directory below `config`:
//   packages.list  further packages
//   dom0/          files that are put over dom0's
//   setup          a shell script, run in dom0's tree (chroot) at last
//   warm-up        a shell script that the booted dom0 runs before its snapshot is made
base::Result<Dom0> get_dom0(cache::Cache &cache, const std::filesystem::path &config,
                            std::string_view addition = "");

} // namespace linstub::lab
