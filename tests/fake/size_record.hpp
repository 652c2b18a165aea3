// SPDX-License-Identifier: MIT
// The sizes that are on record for image files, in place of extended attributes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>

namespace linstub::fake {

struct SizeRecords {
  std::map<ino_t, uint64_t> sizes; // by the file's number
  int refuses = 0;                 // the errno with which the file system takes none
};
SizeRecords &size_records();

} // namespace linstub::fake
