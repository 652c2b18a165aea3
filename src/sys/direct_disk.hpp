// SPDX-License-Identifier: MIT
// DirectDisk: a block device read or written past the page cache, with a bound on each wait.
//
// An ordinary read of a disk that does not answer cannot be interrupted; this one is asynchronous
// (man 2 io_submit), so that its deadline holds. All bytes go through one buffer, so that the
// memory it takes does not depend on how much passes.
#pragma once

#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace linstub::sys {

enum class DiskAccess : uint8_t { read, read_write };

class DirectDisk {
public:
  static constexpr size_t chunk = size_t{256} << 10;
  static constexpr size_t sector = 512;

  static base::Result<DirectDisk> open(const std::string &path, DiskAccess access);
  DirectDisk(DirectDisk &&other) noexcept;
  DirectDisk &operator=(DirectDisk &&) = delete;
  DirectDisk(const DirectDisk &) = delete;
  DirectDisk &operator=(const DirectDisk &) = delete;
  ~DirectDisk();

  // Where bytes are read to and written from: `chunk` of them. Empty after a time-out.
  [[nodiscard]] std::span<std::byte> buffer() const;

  // Reads up to `chunk` bytes at `offset`, a multiple of `sector`, into buffer(); says how many
  // came, 0 at the end of the disk. Here and in write(): code ETIMEDOUT when the disk does not
  // answer in time. Then the memory that the kernel may still touch is never used again, and every
  // later call fails.
  base::Result<size_t> read(uint64_t offset, base::Deadline deadline);

  // Writes the first `count` bytes of buffer(), a multiple of `sector`, at `offset`.
  base::Result<> write(uint64_t offset, size_t count, base::Deadline deadline);

private:
  DirectDisk(std::string path, base::Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  base::Result<size_t> perform(uint16_t operation, uint64_t offset, size_t count,
                               base::Deadline deadline);

  std::string path_;
  base::Fd fd_;
  unsigned long context_ = 0;
  void *buffer_ = nullptr;
};

} // namespace linstub::sys
