// SPDX-License-Identifier: MIT
#include "disk/state_file.hpp"

#include "run/directory.hpp"
#include "wire/state_record.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <functional>
#include <vector>

namespace linstub::disk {
namespace {

using base::Result;

constexpr size_t chunk = size_t{256} << 10;

// Up to `bytes.size()` bytes at `offset`; fewer at the end of the file only.
Result<size_t> read_at(const base::Fd &fd, std::span<std::byte> bytes, uint64_t offset) {
  size_t done = 0;
  while (done < bytes.size()) {
    ssize_t got = ::pread(fd.get(), bytes.data() + done, bytes.size() - done,
                          static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return base::fail_errno(errno, "read the state disk's file");
    if (got == 0)
      break;
    done += static_cast<size_t>(got);
  }
  return done;
}

Result<> write_at(const base::Fd &fd, std::span<const std::byte> bytes, uint64_t offset) {
  while (!bytes.empty()) {
    ssize_t put = ::pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return base::fail_errno(put == 0 ? EIO : errno, "write {} bytes at {}", bytes.size(), offset);
    bytes = bytes.subspan(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
  return {};
}

// Gives all of QEMU's bytes to `take`, piece by piece, and compares them with the record. The stub
// domain can still write to the disk: what is checked is what is given.
using Take = std::function<Result<>(std::span<const std::byte> bytes, uint64_t offset)>;
Result<uint64_t> pass(const base::Fd &fd, const Take &take) {
  wire::StateRecordBytes first{};
  if (TRY(read_at(fd, first, 0)) != first.size())
    return base::fail("the state disk is too short");
  wire::StateRecord record =
      TRY(wire::decode_state_record(first).transform_error(base::doing("the state disk")));
  std::vector<std::byte> buffer(chunk);
  base::Sha256 digest;
  for (uint64_t done = 0; done < record.length;) {
    auto part = std::span(buffer).first(std::min<uint64_t>(chunk, record.length - done));
    if (TRY(read_at(fd, part, wire::state_offset + done)) != part.size())
      return base::fail("the state disk ends before the state does");
    digest.add(part);
    TRY(take(part, done));
    done += part.size();
  }
  if (digest.digest() != record.digest)
    return base::fail("the state on the state disk is damaged: its digest is another one");
  return record.length;
}

} // namespace

Result<StateFile> StateFile::make(xen::DomId guest) {
  TRY(run::make_directory());
  std::string path = run::path_of(guest, "state-XXXXXX");
  base::Fd fd(::mkostemp(path.data(), O_CLOEXEC));
  if (!fd)
    return base::fail_errno(errno, "make the file of a state disk in {}", run::directory());
  StateFile file(path, std::move(fd));
  if (::ftruncate(file.fd_.get(), static_cast<off_t>(wire::state_disk_size)) != 0)
    return base::fail_errno(errno, "make {} {} bytes long", path, wire::state_disk_size);
  return file;
}

Result<> StateFile::write_from(const base::Fd &source) {
  std::vector<std::byte> buffer(chunk);
  base::Sha256 digest;
  wire::StateRecord record;
  for (;;) {
    ssize_t got = ::read(source.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return base::fail_errno(errno, "read the saved state");
    if (got == 0)
      break;
    auto part = std::span(buffer).first(static_cast<size_t>(got));
    if (part.size() > wire::longest_state - record.length)
      return base::fail("the saved state is longer than the {} bytes that fit",
                        wire::longest_state);
    digest.add(part);
    TRY(write_at(fd_, part, wire::state_offset + record.length));
    record.length += part.size();
  }
  if (record.length == 0)
    return base::fail("the saved state of the device model is empty: the saved file of the guest "
                      "is not whole");
  record.digest = digest.digest();
  return write_at(fd_, wire::encode(record), 0);
}

Result<StateFile> StateFile::fill(xen::DomId guest, const base::Fd &source) {
  StateFile file = TRY(make(guest));
  TRY(file.write_from(source).transform_error(base::doing("{}", file.path_)));
  return file;
}

StateFile::~StateFile() {
  if (!path_.empty())
    ::unlink(path_.c_str());
}

Result<uint64_t> StateFile::copy_to(const base::Fd &target) const {
  uint64_t length = TRY(pass(fd_, [&](std::span<const std::byte> bytes, uint64_t offset) {
    return write_at(target, bytes, offset).transform_error(base::doing("copy the state"));
  }));
  if (::ftruncate(target.get(), static_cast<off_t>(length)) != 0)
    return base::fail_errno(errno, "end the saved state at {} bytes", length);
  return length;
}

Result<uint64_t> StateFile::check() const {
  return pass(fd_, [](std::span<const std::byte>, uint64_t) { return Result<>(); });
}

} // namespace linstub::disk
