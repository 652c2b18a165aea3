// SPDX-License-Identifier: MIT
// Any bytes as a copyright file: what is accepted names licences that can be shown.
#include "image/copyright.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const auto licences =
      linstub::image::licences_in(std::string_view(reinterpret_cast<const char *>(data), size));
  if (!licences)
    return 0;
  for (const std::string &licence : *licences) {
    if (licence.empty() || std::ranges::any_of(licence, [](char c) { return c < ' ' || c > '~'; }))
      std::abort();
  }
  return 0;
}
