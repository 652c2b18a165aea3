// SPDX-License-Identifier: MIT
#include "disk/saved_state.hpp"

#include <gmock/gmock.h>

#include <string>

namespace linstub::disk {
namespace {

using ::testing::HasSubstr;

std::string header() {
  const SavedStateHeader bytes = saved_state_header();
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

base::Result<size_t> size_in(const std::string &text) {
  return size_of_header(std::as_bytes(std::span(text)));
}

std::string error_of(const std::string &text) {
  auto size = size_in(text);
  return size ? "" : size.error().message();
}

TEST(SavedState, HasGoldenBytesThatNoQemuTakesForItsOwn) {
  EXPECT_EQ(header(), std::string("LINSTUB\0\x01\0\0\0\0\0\0\0", 16));
  EXPECT_NE(header().substr(0, 4), "QEVM");
}

TEST(SavedState, IsTakenWithTheHeaderAndWithout) {
  EXPECT_EQ(size_in(header()).value(), saved_state_header_size);
  EXPECT_EQ(size_in(header() + "QEVM and so on").value(), saved_state_header_size);
  for (const char *plain : {"", "Q", "QEVM and so on", "linstub", "anything else, for QEMU"})
    EXPECT_EQ(size_in(plain).value(), 0U) << plain;
}

TEST(SavedState, OfAnotherVersionIsRefusedByNumber) {
  std::string other = header();
  other[8] = 2;
  EXPECT_THAT(error_of(other), HasSubstr("format 2"));
  EXPECT_THAT(error_of(other), HasSubstr("restore the guest where"));
}

TEST(SavedState, ThatIsCutOffInTheHeaderIsRefused) {
  for (size_t size = 1; size < saved_state_header_size; size++)
    EXPECT_THAT(error_of(header().substr(0, size)), HasSubstr("cut off")) << size;
}

TEST(SavedState, WithAnythingElseInItsHeaderIsRefused) {
  for (size_t at = 12; at < saved_state_header_size; at++) {
    std::string damaged = header();
    damaged[at] = 1;
    EXPECT_THAT(error_of(damaged + "QEVM"), HasSubstr("damaged")) << at;
  }
}

} // namespace
} // namespace linstub::disk
