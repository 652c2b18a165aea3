// SPDX-License-Identifier: MIT
// The ramdisk's archive: cpio in the "newc" format (in Linux' documentation,
// driver-api/early-userspace/buffer-format.rst).
//
// The same entries give the same bytes, wherever and whenever: they are sorted by path, belong to
// root, carry time 0 and inode numbers in order.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace linstub::image {

struct NewcEntry {
  enum class Kind : uint8_t { directory, file, link };

  std::string path; // absolute, "/usr/bin/x"; its directory must be an entry too
  Kind kind = Kind::file;
  uint32_t permissions = 0644; // lowest 12 bits of the mode
  std::string data;            // content of a file, target of a link
};

// The whole archive. An error for a path that is not absolute and normal, that is there twice, or
// whose directory is missing, and for a file of 4 GiB or more.
base::Result<std::string> write_newc(std::vector<NewcEntry> entries);

} // namespace linstub::image
