// SPDX-License-Identifier: MIT
// The state disk (wire/state_record.hpp) as linstub-init writes and reads it: past the page cache,
// with constant memory, each wait bounded.
#pragma once

#include "sys/direct_disk.hpp"
#include "wire/state_record.hpp"

namespace linstub::stub {

// Where the one is that a stub domain starts with.
inline std::string state_disk_path() { return base::format("/dev/{}", wire::state_disk); }

class StateWriter {
public:
  static base::Result<StateWriter> open(const std::string &path);

  base::Result<> append(std::span<const std::byte> bytes, base::Deadline deadline);

  // Writes the commit record, after all that was appended has reached the disk. Nothing can be
  // appended afterwards. Before that, the disk holds no valid state.
  base::Result<wire::StateRecord> commit(base::Deadline deadline);

private:
  explicit StateWriter(sys::DirectDisk disk) : disk_(std::move(disk)) {}
  base::Result<> write_buffered(base::Deadline deadline);

  sys::DirectDisk disk_;
  base::Sha256 digest_;
  uint64_t written_ = 0; // bytes of state on the disk
  size_t buffered_ = 0;  // bytes of state in the disk's buffer
};

class StateReader {
public:
  // Reads the whole state once, and fails unless it is the one of the record.
  static base::Result<StateReader> open(const std::string &path, base::Deadline deadline);

  [[nodiscard]] uint64_t length() const { return record_.length; }

  // The next bytes, valid until the next call; empty at the end of the state.
  base::Result<std::span<const std::byte>> next(base::Deadline deadline);

private:
  StateReader(sys::DirectDisk disk, const wire::StateRecord &record)
      : disk_(std::move(disk)), record_(record) {}
  base::Result<> verify(base::Deadline deadline);

  sys::DirectDisk disk_;
  wire::StateRecord record_;
  uint64_t read_ = 0;
};

} // namespace linstub::stub
