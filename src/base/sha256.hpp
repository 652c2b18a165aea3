// SPDX-License-Identifier: MIT
// SHA-256 (FIPS 180-4), by Nettle, whose static library costs linstub-init a few KiB.
#pragma once

#include "base/result.hpp"

#include <nettle/sha2.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace linstub::base {

using Sha256Digest = std::array<std::byte, SHA256_DIGEST_SIZE>;

// A running digest. Fed in pieces; digest() or hex() ends it, and it begins anew.
class Sha256 {
public:
  Sha256() { sha256_init(&state_); }

  Sha256 &add(std::span<const std::byte> bytes);
  Sha256 &add(std::string_view text) { return add(std::as_bytes(std::span(text))); }

  [[nodiscard]] Sha256Digest digest();

  // 64 lower-case hexadecimal digits.
  [[nodiscard]] std::string hex();

private:
  sha256_ctx state_{};
};

std::string sha256(std::string_view text);

// The digest of a file's content.
Result<std::string> sha256_file(const std::string &path);

} // namespace linstub::base
