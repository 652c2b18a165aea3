// SPDX-License-Identifier: MIT
#include "display/input.hpp"

#include <gmock/gmock.h>

namespace linstub::display {
namespace {

using namespace std::string_literals;
using testing::IsEmpty;

std::span<const std::byte> bytes_of(const Input &input) {
  return std::as_bytes(std::span(&input, 1));
}

constexpr Input a_down{.kind = InputKind::key, .state = 1, .keysym = 'a'};
constexpr Input a_up{.kind = InputKind::key, .state = 0, .keysym = 'a'};
constexpr Input drag{.kind = InputKind::pointer, .state = 1, .x = 300, .y = 2};

TEST(InputTest, IsTakenAsItWasSent) {
  for (const Input &input : {a_down, a_up, drag})
    EXPECT_EQ(decode_input(bytes_of(input)).value(), input);
}

TEST(InputTest, IsRefusedWhenItIsNone) {
  EXPECT_FALSE(decode_input({}));
  EXPECT_FALSE(decode_input(bytes_of(a_down).first(11)));
  for (const Input &bad : {Input{}, Input{.kind = InputKind{3}},
                           Input{.kind = InputKind::key, .state = 2, .keysym = 'a'},
                           Input{.kind = InputKind::key, .state = 1, .x = 1, .keysym = 'a'},
                           Input{.kind = InputKind::pointer, .x = 8192},
                           Input{.kind = InputKind::pointer, .keysym = 1},
                           Input{.kind = InputKind::key, .state = 1, .unused = 1, .keysym = 'a'}})
    EXPECT_FALSE(decode_input(bytes_of(bad)));
}

TEST(PressedTest, PassesKeysAndThePointerOn) {
  Pressed pressed;
  EXPECT_EQ(pressed.pass(a_down), "\x04\x01\0\0\0\0\0a"s);
  EXPECT_EQ(pressed.pass(a_up), "\x04\0\0\0\0\0\0a"s);
  EXPECT_EQ(pressed.pass(drag), "\x05\x01\x01\x2c\0\x02"s);
}

TEST(PressedTest, LetsGoOfWhatIsDownWhenTheViewerIsGone) {
  Pressed pressed;
  EXPECT_THAT(pressed.release_all(), IsEmpty());
  pressed.pass(a_down);
  pressed.pass(drag);
  EXPECT_EQ(pressed.release_all(), "\x04\0\0\0\0\0\0a\x05\0\x01\x2c\0\x02"s);
  EXPECT_THAT(pressed.release_all(), IsEmpty());
}

TEST(PressedTest, KnowsAsManyKeysAsThereAreFingers) {
  Pressed pressed;
  for (uint32_t i = 0; i < Pressed::most_keys; i++)
    EXPECT_NE(pressed.pass({.kind = InputKind::key, .state = 1, .keysym = i}), "");
  EXPECT_EQ(pressed.pass({.kind = InputKind::key, .state = 1, .keysym = 1000}), "");
  EXPECT_NE(pressed.pass({.kind = InputKind::key, .state = 1, .keysym = 3}), "") << "it repeats";
  EXPECT_NE(pressed.pass({.kind = InputKind::key, .state = 0, .keysym = 3}), "");
  EXPECT_NE(pressed.pass({.kind = InputKind::key, .state = 1, .keysym = 1000}), "");
}

} // namespace
} // namespace linstub::display
