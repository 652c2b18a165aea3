// SPDX-License-Identifier: MIT
// The record of a state disk: what is accepted is what is written, byte by byte.
#include "wire/state_record.hpp"

#include <algorithm>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace linstub::wire;
  StateRecordBytes bytes{};
  std::copy_n(reinterpret_cast<const std::byte *>(data), std::min(size, bytes.size()),
              bytes.begin());
  auto record = decode_state_record(bytes);
  if (record && (encode(*record) != bytes || record->length > longest_state))
    __builtin_trap();
  return 0;
}
