// SPDX-License-Identifier: MIT
#include "disk/state_file.hpp"

#include "base/sha256.hpp"
#include "disk/file_io.hpp"
#include "disk/saved_state.hpp"
#include "wire/state_record.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

// Of linux/memfd.h, which says it since 6.3.
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace linstub::disk {
namespace {

using base::Result;

constexpr size_t chunk = size_t{256} << 10;

Result<base::Fd> make_memory_file(const std::string &name) {
  constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  base::Fd fd(::memfd_create(name.c_str(), flags | MFD_NOEXEC_SEAL));
  if (!fd && errno == EINVAL) // an older kernel
    fd = base::Fd(::memfd_create(name.c_str(), flags));
  if (!fd)
    return base::fail_errno(errno, "make a file in memory for a state disk");
  if (::fchmod(fd.get(), 0600) != 0 ||
      ::ftruncate(fd.get(), static_cast<off_t>(wire::state_disk_size)) != 0 ||
      ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return base::fail_errno(errno, "make the file of a state disk {} bytes long",
                            wire::state_disk_size);
  return fd;
}

Result<> check_source(const base::Fd &source) {
  struct stat status{};
  if (::fstat(source.get(), &status) != 0)
    return base::fail_errno(errno, "look at the saved state");
  if (!S_ISREG(status.st_mode))
    return base::fail("the saved state is not in a file: linstub-dm takes it from a file only, as "
                      "libxl gives it");
  return {};
}

} // namespace

Result<StateFile> StateFile::make(xen::DomId guest) {
  base::Fd fd = TRY(make_memory_file(base::format("{}{}", state_file_name, guest)));
  // Of this process by its number: libxl's helpers open it, too.
  std::string path = base::format("/proc/{}/fd/{}", ::getpid(), fd.get());
  return StateFile(std::move(path), std::move(fd));
}

Result<> StateFile::write_from(const base::Fd &source) {
  std::vector<std::byte> buffer(chunk);
  size_t got = TRY(read_some(source, buffer));
  auto part = std::span<const std::byte>(buffer).first(got);
  part = part.subspan(TRY(size_of_header(part)));
  base::Sha256 digest;
  wire::StateRecord record;
  while (got != 0) {
    if (part.size() > wire::longest_state - record.length)
      return base::fail("the saved state is longer than the {} bytes that fit",
                        wire::longest_state);
    digest.add(part);
    TRY(write_at(fd_, part, wire::state_offset + record.length));
    record.length += part.size();
    got = TRY(read_some(source, buffer));
    part = std::span<const std::byte>(buffer).first(got);
  }
  if (record.length == 0)
    return base::fail("the saved state of the device model is empty: the saved file of the guest "
                      "is not whole");
  record.digest = digest.digest();
  return write_at(fd_, wire::encode(record), 0);
}

Result<bool> StateFile::mentions(std::string_view word) const {
  std::array<std::byte, wire::state_record_size> record{};
  if (TRY(read_at(fd_, record, 0)) != record.size())
    return base::fail("a state disk has no record");
  const uint64_t end = wire::state_offset + TRY(wire::decode_state_record(record)).length;
  std::vector<std::byte> buffer(chunk);
  std::string seen;
  for (uint64_t at = wire::state_offset; at < end;) {
    const size_t got = TRY(read_at(fd_, buffer, at));
    if (got == 0)
      break;
    seen.append(reinterpret_cast<const char *>(buffer.data()), got);
    if (seen.contains(word))
      return true;
    seen.erase(0, seen.size() - std::min(seen.size(), word.size())); // it may go on
    at += got;
  }
  return false;
}

Result<StateFile> StateFile::fill(xen::DomId guest, const base::Fd &source) {
  TRY(check_source(source));
  StateFile file = TRY(make(guest));
  TRY(file.write_from(source));
  return file;
}

} // namespace linstub::disk
