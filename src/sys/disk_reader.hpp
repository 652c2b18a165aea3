// DiskReader: reads a block device from its start, past the page cache, with a bound on each wait.
//
// An ordinary read of a disk that does not answer cannot be interrupted; this one is asynchronous
// (man 2 io_submit), so that its deadline holds.
#pragma once

#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace linstub::sys {

class DiskReader {
public:
  static base::Result<DiskReader> open(const std::string &path);
  DiskReader(DiskReader &&other) noexcept;
  DiskReader &operator=(DiskReader &&) = delete;
  DiskReader(const DiskReader &) = delete;
  DiskReader &operator=(const DiskReader &) = delete;
  ~DiskReader();

  // The next bytes, up to 256 KiB of them, valid until the next call; empty at the end of the
  // disk. Code ETIMEDOUT when the disk does not answer in time: then the memory that the kernel
  // may still write to is never used again.
  base::Result<std::span<const std::byte>> next(base::Deadline deadline);

private:
  DiskReader(std::string path, base::Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  base::Fd fd_;
  unsigned long context_ = 0;
  void *buffer_ = nullptr;
  uint64_t offset_ = 0;
};

} // namespace linstub::sys
