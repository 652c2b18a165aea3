// SPDX-License-Identifier: MIT
// The header of a qcow2 image: what is accepted stands alone, and has a size that can be counted
// with.
#include "disk/disk_image.hpp"
#include "disk/qcow2.hpp"

#include <algorithm>
#include <array>

namespace {

uint64_t number_at(const std::array<std::byte, linstub::disk::qcow2_header_size> &bytes,
                   size_t at) {
  uint64_t number = 0;
  for (size_t i = 0; i < sizeof(number); i++)
    number = number << 8 | std::to_integer<uint64_t>(bytes.at(at + i));
  return number;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace linstub::disk;
  std::array<std::byte, qcow2_header_size> bytes{};
  std::copy_n(reinterpret_cast<const std::byte *>(data), std::min(size, bytes.size()),
              bytes.begin());
  auto header = parse_qcow2(bytes);
  if (!header)
    return 0;
  constexpr size_t backing_file = 8;
  if (number_at(bytes, backing_file) != 0 || header->virtual_size > largest_qcow2)
    __builtin_trap();
  const uint64_t file = file_size_for(header->virtual_size);
  if (file <= header->virtual_size ||
      file > header->virtual_size + header->virtual_size / 8 + (32 << 20))
    __builtin_trap();
  return 0;
}
