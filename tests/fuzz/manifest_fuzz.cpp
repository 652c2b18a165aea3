// SPDX-License-Identifier: MIT
// Any bytes as a manifest; one that is accepted is written and read back as the same, and its
// identity alone is that of the whole.
#include "manifest/manifest.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

using linstub::manifest::Extent;
using linstub::manifest::parse;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string_view text(reinterpret_cast<const char *>(data), size);
  auto manifest = parse(text);
  const auto identity = parse(text, Extent::identity);
  if (manifest) {
    const auto again = parse(linstub::manifest::to_json(*manifest));
    if (!again || *again != *manifest)
      std::abort();
    manifest->inputs.clear();
    manifest->components.clear();
    manifest->files.clear();
    if (!identity || *identity != *manifest)
      std::abort();
  }
  return 0;
}
