// SPDX-License-Identifier: MIT
// Copied files: files of dom0 that come on disks, a direct-boot kernel and its initrd.
#pragma once

#include "base/deadline.hpp"
#include "base/result.hpp"
#include "wire/copied_file.hpp"

#include <span>

namespace linstub::stub {

// Copies each file from its disk to its path: as many bytes as it has, and no more.
base::Result<> copy_files(std::span<const wire::CopiedFile> files, base::Deadline deadline);

// Removes the copies: QEMU has read them into its own memory.
void remove_files(std::span<const wire::CopiedFile> files);

} // namespace linstub::stub
