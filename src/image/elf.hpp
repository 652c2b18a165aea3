// SPDX-License-Identifier: MIT
// What the dynamic linker would want to know of an ELF file, read without running anything.
//
// Format: System V ABI and its x86-64 supplement. Only 64-bit little-endian x86-64 executables and
// shared objects are understood; everything else is an error that says what the file is. Every
// offset, size and count is checked against the file before it is used.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace linstub::image {

struct ElfObject {
  std::string interpreter;          // PT_INTERP; empty for a library or a static executable
  std::string soname;               // DT_SONAME
  std::vector<std::string> needed;  // DT_NEEDED, in order
  std::vector<std::string> rpath;   // DT_RPATH, split at colons
  std::vector<std::string> runpath; // DT_RUNPATH, split at colons
};

// True if the bytes start as an ELF file does.
bool is_elf(std::span<const std::byte> file);

base::Result<ElfObject> parse_elf(std::span<const std::byte> file);

} // namespace linstub::image
