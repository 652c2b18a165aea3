// SPDX-License-Identifier: MIT
// CopiedFile: a file of dom0 that linstub-init copies into the stub domain, from a read-only disk;
// what dom0 says of it in the nodes linstub/files/<n> (wire/paths.hpp).
#pragma once

#include <cstdint>
#include <string>

namespace linstub::wire {

struct CopiedFile {
  std::string device; // "xvdX": the disk that holds it
  uint64_t size = 0;  // bytes; the disk has whole sectors
  std::string path;   // of the copy, directly in files_directory
};

} // namespace linstub::wire
