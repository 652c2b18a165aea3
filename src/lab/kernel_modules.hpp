// SPDX-License-Identifier: MIT
// Kernel modules, taken out of dom0's disk.
#pragma once

#include "base/result.hpp"
#include "lab/dom0_disk.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::lab {

struct Module {
  std::string name;    // "sd_mod"
  std::string content; // unpacked
};

// The named modules and all they depend on, each after what it needs: the order to load them in.
base::Result<std::vector<Module>> read_modules(const Dom0 &dom0,
                                               const std::vector<std::string> &names,
                                               const std::filesystem::path &work);

// The files of modules.dep (depmod's: "path: needs needs…", what is needed first at the end) that
// the named modules take, in the order to load them in. An error for a name that it does not
// have.
base::Result<std::vector<std::string>> module_order(std::string_view dependencies,
                                                    const std::vector<std::string> &names);

// "sd_mod" for "kernel/drivers/scsi/sd_mod.ko.xz".
std::string module_name(std::string_view path);

} // namespace linstub::lab
