// SPDX-License-Identifier: MIT
#include "wire/state_record.hpp"

#include "wire/numbers.hpp"

#include <algorithm>

namespace linstub::wire {
namespace {

constexpr std::string_view magic = "LSTBSTAT";
constexpr size_t version_at = 8;
constexpr size_t reserved_at = 12;
constexpr size_t length_at = 16;
constexpr size_t digest_at = 24;
constexpr size_t rest_at = digest_at + SHA256_DIGEST_SIZE;

bool all_zero(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

} // namespace

StateRecordBytes encode(const StateRecord &record) {
  StateRecordBytes bytes{};
  std::ranges::copy(std::as_bytes(std::span(magic)), bytes.begin());
  put(std::span(bytes).subspan(version_at), state_version);
  put(std::span(bytes).subspan(length_at), record.length);
  std::ranges::copy(record.digest, bytes.begin() + digest_at);
  return bytes;
}

base::Result<StateRecord> decode_state_record(std::span<const std::byte, state_record_size> bytes) {
  if (all_zero(bytes))
    return base::fail("it holds no complete state: its writer did not come to the end");
  if (!std::ranges::equal(bytes.first(magic.size()), std::as_bytes(std::span(magic))))
    return base::fail("it does not hold the state of a device model");
  auto version = get<uint32_t>(bytes.subspan(version_at));
  if (version != state_version)
    return base::fail("its state has format {}, and only format {} is known: install linstub-dm "
                      "and the image of one release",
                      version, state_version);
  StateRecord record{.length = get<uint64_t>(bytes.subspan(length_at)), .digest = {}};
  if (record.length == 0)
    return base::fail("its state is empty");
  if (record.length > longest_state)
    return base::fail("its state says that it has {} bytes, and at most {} fit", record.length,
                      longest_state);
  if (!all_zero(bytes.subspan(reserved_at, length_at - reserved_at)) ||
      !all_zero(bytes.subspan(rest_at)))
    return base::fail("its state is damaged: there is something in its record that should not be");
  std::ranges::copy(bytes.subspan(digest_at, record.digest.size()), record.digest.begin());
  return record;
}

} // namespace linstub::wire
