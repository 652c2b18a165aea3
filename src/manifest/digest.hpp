// SPDX-License-Identifier: MIT
// Length and SHA-256 of a file of an image, or of what it was made from.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace linstub::manifest {

struct Digest {
  uint64_t size = 0;
  std::string sha256; // 64 lower-case hexadecimal digits

  friend bool operator==(const Digest &, const Digest &) = default;
};

Digest digest_of(std::string_view content);
base::Result<Digest> digest_of_file(const std::filesystem::path &path);

} // namespace linstub::manifest
