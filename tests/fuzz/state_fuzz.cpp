// SPDX-License-Identifier: MIT
// The record of a state disk and the header of a saved state: what is accepted is what is written,
// byte by byte.
#include "disk/saved_state.hpp"
#include "wire/state_record.hpp"

#include <algorithm>

namespace {

void read_record(std::span<const std::byte> data) {
  using namespace linstub::wire;
  StateRecordBytes bytes{};
  std::ranges::copy(data.first(std::min(data.size(), bytes.size())), bytes.begin());
  auto record = decode_state_record(bytes);
  if (record && (encode(*record) != bytes || record->length > longest_state))
    __builtin_trap();
}

void read_header(std::span<const std::byte> data) {
  using namespace linstub::disk;
  auto size = size_of_header(data);
  if (!size)
    return;
  const bool has_header =
      data.size() >= saved_state_header_size &&
      std::ranges::equal(data.first(saved_state_header_size), saved_state_header());
  if (*size != (has_header ? saved_state_header_size : 0))
    __builtin_trap();
  // What is taken for QEMU's own does not begin as ours do.
  const auto header = saved_state_header();
  if (*size == 0 && data.size() >= 8 &&
      std::ranges::equal(data.first(8), std::span(header).first(8)))
    __builtin_trap();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  read_record(bytes);
  read_header(bytes);
  return 0;
}
