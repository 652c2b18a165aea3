// SPDX-License-Identifier: MIT
#include "wire/frame.hpp"

#include <gmock/gmock.h>

#include <vector>

namespace linstub::wire {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

std::vector<int> numbers(std::span<const std::byte> bytes) {
  std::vector<int> result;
  for (std::byte byte : bytes)
    result.push_back(std::to_integer<int>(byte));
  return result;
}

template <size_t Size>
std::array<std::byte, Size> bytes(const int (&values)[Size]) {
  std::array<std::byte, Size> result{};
  for (size_t i = 0; i < Size; i++)
    result.at(i) = static_cast<std::byte>(values[i]);
  return result;
}

// Golden bytes: both ends are built from one source today, but a saved image of tomorrow is not.
TEST(Frame, HeaderHasItsGoldenBytes) {
  EXPECT_THAT(numbers(encode(Header{.type = FrameType::data, .stream = 0x0102, .length = 0x304})),
              ElementsAreArray({4, 0, 0x02, 0x01, 0x04, 0x03, 0, 0}));
}

TEST(Frame, HelloHasItsGoldenBytes) {
  EXPECT_THAT(numbers(encode_hello()), ElementsAreArray({0x4c, 0x53, 0x54, 0x42, 1, 0, 0, 0}));
}

TEST(Frame, OpenHasItsGoldenBytes) {
  Open open{.service = Service::serial, .index = 2, .window = 0x10000};
  EXPECT_THAT(numbers(encode(open)), ElementsAreArray({3, 2, 0, 0, 0, 0, 1, 0}));
  EXPECT_EQ(decode_open(encode(open)).value(), open);
}

TEST(Frame, HeaderSurvivesTheRoundTrip) {
  Header header{.type = FrameType::credit, .stream = 65535, .length = largest_window};
  Header back = decode_header(encode(header)).value();
  EXPECT_EQ(back.type, header.type);
  EXPECT_EQ(back.stream, header.stream);
  EXPECT_EQ(back.length, header.length);
  EXPECT_EQ(payload_size(back), 0U);
}

TEST(Frame, RefusesWhatNoSideMaySend) {
  EXPECT_FALSE(decode_header(bytes({0, 0, 1, 0, 1, 0, 0, 0}))) << "type 0";
  EXPECT_FALSE(decode_header(bytes({7, 0, 1, 0, 1, 0, 0, 0}))) << "type 7";
  EXPECT_FALSE(decode_header(bytes({4, 1, 1, 0, 1, 0, 0, 0}))) << "second byte";
  EXPECT_FALSE(decode_header(bytes({4, 0, 0, 0, 1, 0, 0, 0}))) << "data on stream 0";
  EXPECT_FALSE(decode_header(bytes({1, 0, 1, 0, 8, 0, 0, 0}))) << "hello on stream 1";
  EXPECT_FALSE(decode_header(bytes({4, 0, 1, 0, 0, 0, 0, 0}))) << "empty data";
  EXPECT_FALSE(decode_header(bytes({4, 0, 1, 0, 1, 0x40, 0, 0}))) << "data too long";
  EXPECT_FALSE(decode_header(bytes({5, 0, 1, 0, 1, 0, 0x10, 0}))) << "credit too large";
  EXPECT_FALSE(decode_header(bytes({6, 0, 1, 0, 1, 1, 0, 0}))) << "reason too long";
}

TEST(Frame, OtherVersionIsRefusedWithBothNumbers) {
  auto hello = encode_hello();
  hello[4] = std::byte{9};
  auto checked = check_hello(hello);
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message(), HasSubstr("version 9"));
  EXPECT_THAT(checked.error().message(), HasSubstr("version 1"));
}

TEST(Frame, WindowsAreBounded) {
  EXPECT_FALSE(decode_window(encode_window(0)));
  EXPECT_FALSE(decode_window(encode_window(largest_window + 1)));
  EXPECT_EQ(decode_window(encode_window(largest_window)).value(), largest_window);
}

} // namespace
} // namespace linstub::wire
