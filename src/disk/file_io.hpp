// SPDX-License-Identifier: MIT
// Reading and writing of regular files at offsets: interruptions and short transfers are gone on
// after.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace linstub::disk {

// Each fills `bytes`, and says how many there were: fewer at the end of the file only.
base::Result<size_t> read_some(const base::Fd &fd, std::span<std::byte> bytes); // from where it is
base::Result<size_t> read_at(const base::Fd &fd, std::span<std::byte> bytes, uint64_t offset);

// All of `bytes`.
base::Result<> write_at(const base::Fd &fd, std::span<const std::byte> bytes, uint64_t offset);

} // namespace linstub::disk
