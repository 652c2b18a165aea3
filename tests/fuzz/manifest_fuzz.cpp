// SPDX-License-Identifier: MIT
// Any bytes as a manifest; one that is accepted is written and read back as the same, and its
// identity alone is that of the whole.
#include "manifest/manifest.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

using linstub::manifest::parse;
using linstub::manifest::parse_identity;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string_view text(reinterpret_cast<const char *>(data), size);
  const auto manifest = parse(text);
  const auto identity = parse_identity(text);
  if (manifest) {
    const auto again = parse(linstub::manifest::to_json(*manifest));
    if (!again || *again != *manifest)
      std::abort();
    if (!identity || *identity != manifest->identity)
      std::abort();
  }
  return 0;
}
