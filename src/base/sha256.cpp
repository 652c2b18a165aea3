// SPDX-License-Identifier: MIT
#include "base/sha256.hpp"

#include "base/fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <vector>

namespace linstub::base {

Sha256 &Sha256::add(std::span<const std::byte> bytes) {
  sha256_update(&state_, bytes.size(), reinterpret_cast<const uint8_t *>(bytes.data()));
  return *this;
}

Sha256Digest Sha256::digest() {
  Sha256Digest digest;
  sha256_digest(&state_, digest.size(), reinterpret_cast<uint8_t *>(digest.data()));
  return digest;
}

std::string Sha256::hex() {
  std::string text;
  for (std::byte byte : digest())
    text += base::format("{:02x}", std::to_integer<uint8_t>(byte));
  return text;
}

std::string sha256(std::string_view text) { return Sha256().add(text).hex(); }

Result<std::string> sha256_file(const std::string &path) {
  Fd fd = TRY(open_file(path, O_RDONLY));
  Sha256 digest;
  std::vector<std::byte> buffer(size_t{256} << 10);
  for (;;) {
    ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return fail_errno(errno, "read {}", path);
    if (got == 0)
      return digest.hex();
    digest.add(std::span(buffer).first(static_cast<size_t>(got)));
  }
}

} // namespace linstub::base
