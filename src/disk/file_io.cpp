// SPDX-License-Identifier: MIT
#include "disk/file_io.hpp"

#include <sys/types.h>
#include <unistd.h>

#include <functional>

namespace linstub::disk {
namespace {

using base::Result;

using Read = std::function<ssize_t(std::span<std::byte> rest, size_t done)>;
Result<size_t> fill(std::span<std::byte> bytes, const Read &read) {
  size_t done = 0;
  while (done < bytes.size()) {
    ssize_t got = read(bytes.subspan(done), done);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return base::fail_errno(errno, "read {} bytes", bytes.size());
    if (got == 0)
      break;
    done += static_cast<size_t>(got);
  }
  return done;
}

} // namespace

Result<size_t> read_some(const base::Fd &fd, std::span<std::byte> bytes) {
  return fill(bytes, [&](std::span<std::byte> rest, size_t) {
    return ::read(fd.get(), rest.data(), rest.size());
  });
}

Result<size_t> read_at(const base::Fd &fd, std::span<std::byte> bytes, uint64_t offset) {
  return fill(bytes, [&](std::span<std::byte> rest, size_t done) {
    return ::pread(fd.get(), rest.data(), rest.size(), static_cast<off_t>(offset + done));
  });
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

} // namespace linstub::disk
