// SPDX-License-Identifier: MIT
// A directory as one file system that can only be read: EROFS, which Linux mounts from a disk or
// from a file (in its documentation, filesystems/erofs.rst). Debian's erofs-utils makes it.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace linstub::image {

// As it is, for a disk; or small, for a file in memory.
enum class Packing : uint8_t { none, zstd };

// How it is made: a part of what the file depends on.
std::string erofs_options(Packing packing);

// Makes `file` of what is in `directory`. All belongs to root and has time 0; names, permissions
// and contents decide of each byte, and the version of mkfs.erofs, and nothing else does.
base::Result<> make_erofs(const std::filesystem::path &directory, const std::filesystem::path &file,
                          Packing packing);

} // namespace linstub::image
