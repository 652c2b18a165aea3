// Any bytes as a manifest; one that is accepted is written and read back as the same.
#include "image/manifest.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const auto manifest =
      linstub::image::parse_manifest(std::string_view(reinterpret_cast<const char *>(data), size));
  if (manifest) {
    const auto again = linstub::image::parse_manifest(linstub::image::to_json(*manifest));
    if (!again || *again != *manifest)
      std::abort();
  }
  return 0;
}
