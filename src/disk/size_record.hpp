// SPDX-License-Identifier: MIT
// The size that the guest's disk in an image file may have, as dom0 has it on record: an extended
// attribute of the file, which is outside what a guest can write to. An administrator writes it
// with `linstub disk-size`.
//
// Alone in its file: unit tests link others (tests/fake/size_record.cpp), since not every file
// system has extended attributes.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <optional>

namespace linstub::disk {

constexpr const char *size_attribute = "user.linstub.size";

// What is on record, in bytes; nothing if there is no record, or can be none. An error if it is not
// a size (disk_size.hpp), or cannot be read.
base::Result<std::optional<uint64_t>> recorded_size(const base::Fd &image);

// Puts a size on record. The error has the file system's reason.
base::Result<> record_size(const base::Fd &image, uint64_t bytes);

} // namespace linstub::disk
