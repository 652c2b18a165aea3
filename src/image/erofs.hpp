// SPDX-License-Identifier: MIT
// A directory as one file system that can only be read: EROFS, packed with zstd, which Linux mounts
// from a file (in its documentation, filesystems/erofs.rst). Debian's erofs-utils makes it.
#pragma once

#include "base/result.hpp"

#include <filesystem>
#include <string>

namespace linstub::image {

// How it is packed: a part of what a packed file depends on.
std::string erofs_packing();

// Makes `file` of what is in `directory`. All belongs to root and has time 0; names, permissions
// and contents decide of each byte, and the version of mkfs.erofs, and nothing else does.
base::Result<> make_erofs(const std::filesystem::path &directory,
                          const std::filesystem::path &file);

} // namespace linstub::image
