// SPDX-License-Identifier: MIT
#include "stub/state_disk.hpp"

#include <algorithm>

namespace linstub::stub {

using sys::DirectDisk;

base::Result<StateWriter> StateWriter::open(const std::string &path) {
  return StateWriter(TRY(DirectDisk::open(path, sys::DiskAccess::read_write)));
}

base::Result<> StateWriter::write_buffered(base::Deadline deadline) {
  size_t whole = (buffered_ + DirectDisk::sector - 1) / DirectDisk::sector * DirectDisk::sector;
  std::ranges::fill(disk_.buffer().subspan(buffered_, whole - buffered_), std::byte{0});
  TRY(disk_.write(wire::state_offset + written_, whole, deadline));
  written_ += std::exchange(buffered_, 0);
  return {};
}

base::Result<> StateWriter::append(std::span<const std::byte> bytes, base::Deadline deadline) {
  if (bytes.size() > wire::longest_state - written_ - buffered_)
    return base::fail("the state is longer than the {} bytes that fit", wire::longest_state);
  digest_.add(bytes);
  while (!bytes.empty()) {
    auto room = disk_.buffer().subspan(buffered_);
    size_t count = std::min(bytes.size(), room.size());
    std::ranges::copy(bytes.first(count), room.begin());
    buffered_ += count;
    bytes = bytes.subspan(count);
    if (buffered_ == DirectDisk::chunk)
      TRY(write_buffered(deadline));
  }
  return {};
}

base::Result<wire::StateRecord> StateWriter::commit(base::Deadline deadline) {
  if (buffered_ != 0)
    TRY(write_buffered(deadline));
  if (written_ == 0)
    return base::fail("QEMU has written no state");
  // All before has been written when the record is. To a file in dom0's memory: there is no more to
  // wait for.
  wire::StateRecord record{.length = written_, .digest = digest_.digest()};
  std::ranges::copy(wire::encode(record), disk_.buffer().begin());
  TRY(disk_.write(0, wire::state_record_size, deadline));
  return record;
}

base::Result<StateReader> StateReader::open(const std::string &path, base::Deadline deadline) {
  DirectDisk disk = TRY(DirectDisk::open(path, sys::DiskAccess::read));
  size_t got = TRY(disk.read(0, deadline));
  if (got < wire::state_record_size)
    return base::fail("{} has only {} bytes", path, got);
  auto record = wire::decode_state_record(disk.buffer().first<wire::state_record_size>());
  if (!record)
    return base::fail("{}: {}", path, record.error().message());
  StateReader reader(std::move(disk), *record);
  TRY(reader.verify(deadline).transform_error(base::doing("{}", path)));
  return reader;
}

base::Result<> StateReader::verify(base::Deadline deadline) {
  base::Sha256 digest;
  for (;;) {
    auto bytes = TRY(next(deadline));
    if (bytes.empty())
      break;
    digest.add(bytes);
  }
  if (digest.digest() != record_.digest)
    return base::fail("the state is damaged: its {} bytes do not have the digest that was recorded "
                      "when it was saved",
                      record_.length);
  read_ = 0;
  return {};
}

base::Result<std::span<const std::byte>> StateReader::next(base::Deadline deadline) {
  if (read_ == record_.length)
    return std::span<const std::byte>();
  size_t got = TRY(disk_.read(wire::state_offset + read_, deadline));
  if (got == 0)
    return base::fail("the state is truncated: {} of its {} bytes are there", read_,
                      record_.length);
  size_t count = std::min<uint64_t>(got, record_.length - read_);
  read_ += count;
  return std::span<const std::byte>(disk_.buffer().first(count));
}

} // namespace linstub::stub
