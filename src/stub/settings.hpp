// SPDX-License-Identifier: MIT
// What dom0 tells the stub domain through xenstore.
#pragma once

#include "base/log.hpp"
#include "base/result.hpp"
#include "stub/lifecycle.hpp"
#include "wire/copied_file.hpp"
#include "xen/xenstore.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::stub {

struct Settings {
  Mode mode = Mode::linstub;
  xen::DomId self{};
  xen::DomId target{};
  base::LogLevel log_level = base::LogLevel::info;
  uint32_t screen = 0;         // MiB of the largest screen that viewers can see
  uint32_t restore_memory = 0; // MiB more than usual, for a state
  std::vector<wire::CopiedFile> files;
  std::vector<std::string> arguments; // QEMU's, without argv[0]
};

// Reads all of it, bounded and strictly.
base::Result<Settings> read_settings(xen::Xenstore &xenstore);

// The value of the word `key` ("linstub.log=") on the kernel's command line; empty if it is not
// there.
std::string kernel_option(std::string_view line, std::string_view key);

// Whether `path` names a file directly in wire::files_directory, and nothing else.
bool is_copied_file_path(const std::string &path);

} // namespace linstub::stub
