// SPDX-License-Identifier: MIT
// Any bytes as an ELF file.
#include "image/elf.hpp"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static_cast<void>(linstub::image::parse_elf(std::as_bytes(std::span<const uint8_t>(data, size))));
  return 0;
}
