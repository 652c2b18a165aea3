// SPDX-License-Identifier: MIT
#include "manifest/digest.hpp"

#include "base/sha256.hpp"

namespace linstub::manifest {

Digest digest_of(std::string_view content) {
  return {.size = content.size(), .sha256 = base::sha256(content)};
}

base::Result<Digest> digest_of_file(const std::filesystem::path &path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error)
    return base::fail("size of {}: {}", path.string(), error.message());
  return Digest{.size = size, .sha256 = TRY(base::sha256_file(path))};
}

} // namespace linstub::manifest
