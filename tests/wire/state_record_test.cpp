// SPDX-License-Identifier: MIT
#include "wire/state_record.hpp"

#include <gmock/gmock.h>

namespace linstub::wire {
namespace {

using ::testing::HasSubstr;

StateRecord record() {
  return {.length = 0x123456, .digest = base::Sha256().add("hello").digest()};
}

std::string error_of(const StateRecordBytes &bytes) {
  auto decoded = decode_state_record(bytes);
  return decoded ? "" : decoded.error().message();
}

TEST(StateRecord, HasGoldenBytes) {
  StateRecordBytes bytes = encode(record());
  std::string text(reinterpret_cast<const char *>(bytes.data()), 28);
  EXPECT_EQ(text,
            std::string("LSTBSTAT\x01\0\0\0\0\0\0\0\x56\x34\x12\0\0\0\0\0\x2c\xf2\x4d\xba", 28));
}

TEST(StateRecord, ComesBackAsItWas) { EXPECT_EQ(decode_state_record(encode(record())), record()); }

TEST(StateRecord, RefusesADiskThatWasNotFinished) {
  EXPECT_THAT(error_of(StateRecordBytes{}), HasSubstr("no complete state"));
}

TEST(StateRecord, RefusesAnotherVersionByNumber) {
  StateRecordBytes bytes = encode(record());
  bytes[8] = std::byte{2};
  EXPECT_THAT(error_of(bytes), HasSubstr("format 2"));
}

TEST(StateRecord, RefusesALengthThatDoesNotFit) {
  EXPECT_THAT(error_of(encode({.length = longest_state + 1, .digest = {}})), HasSubstr("at most"));
  EXPECT_THAT(error_of(encode({.length = UINT64_MAX, .digest = {}})), HasSubstr("at most"));
  EXPECT_THAT(error_of(encode({.length = 0, .digest = {}})), HasSubstr("empty"));
}

// A flipped bit of the length or the digest is found when the bytes are compared with the digest.
TEST(StateRecord, RefusesEveryOtherFlippedBitOrReadsAnotherRecord) {
  const StateRecordBytes good = encode(record());
  for (size_t bit = 0; bit < 8 * good.size(); bit++) {
    StateRecordBytes bytes = good;
    bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    auto decoded = decode_state_record(bytes);
    bool counts = bit / 8 >= 16 && bit / 8 < 56;
    EXPECT_TRUE(counts ? !decoded || *decoded != record() : !decoded) << "bit " << bit;
  }
}

} // namespace
} // namespace linstub::wire
