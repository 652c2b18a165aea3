// SPDX-License-Identifier: MIT
#include "display/rfb_reader.hpp"

#include "display/rfb_message.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace linstub::display {
namespace {

using base::fail;
using base::Result;

constexpr std::string_view version = "RFB 003.008\n";
constexpr uint8_t no_authentication = 1;
constexpr uint32_t longest_name = 1024;

// Messages of the server.
constexpr uint8_t framebuffer_update = 0;
constexpr uint8_t bell = 2;

} // namespace

size_t RfbReader::length_of(Await await) {
  switch (await) {
  case Await::version:
    return version.size();
  case Await::security_count:
  case Await::message:
    return 1;
  case Await::security_result:
    return 4;
  case Await::screen:
    return 24;
  case Await::update:
    return 3;
  case Await::rectangle:
    return 12;
  case Await::security_types:
  case Await::name:
  case Await::pixels:
    break; // as long as what came before says
  }
  return 0;
}

void RfbReader::expect(Await await, size_t length) {
  await_ = await;
  wanted_ = length;
  got_ = 0;
}

Result<> RfbReader::feed(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (await_ == Await::pixels) {
      bytes = bytes.subspan(take_pixels(bytes));
      continue;
    }
    const size_t taken = std::min(bytes.size(), wanted_ - got_);
    if (await_ != Await::name)
      std::memcpy(&head_.at(got_), bytes.data(), taken);
    bytes = bytes.subspan(taken);
    got_ += taken;
    if (got_ == wanted_)
      TRY(take());
  }
  return {};
}

Result<> RfbReader::take() {
  switch (await_) {
  case Await::version:
    if (std::memcmp(head_.data(), version.data(), version.size()) != 0)
      return fail("it does not speak version 3.8 of RFB");
    output_ += version;
    expect(Await::security_count);
    return {};
  case Await::security_count:
    if (u8(0) == 0)
      return fail("it lets nobody in");
    expect(Await::security_types, u8(0));
    return {};
  case Await::security_types:
    return take_security_types();
  case Await::security_result:
    if (u32(0) != 0)
      return fail("it does not let us in");
    output_ += encode_client_init();
    expect(Await::screen);
    return {};
  case Await::screen:
    return take_screen();
  case Await::name:
    expect(Await::message);
    return {};
  case Await::message:
    return take_message();
  case Await::update:
    rectangles_ = u16(1);
    next_rectangle();
    return {};
  case Await::rectangle:
    return take_rectangle();
  case Await::pixels:
    break;
  }
  return {};
}

Result<> RfbReader::take_security_types() {
  const auto types = std::span(head_).first(wanted_);
  if (!std::ranges::contains(types, std::byte{no_authentication}))
    return fail("it wants a password");
  output_ += static_cast<char>(no_authentication);
  expect(Await::security_result);
  return {};
}

Result<> RfbReader::take_screen() {
  const uint32_t name = u32(20);
  if (name > longest_name)
    return fail("its name has {} bytes", name);
  TRY(set_size(u16(0), u16(2)));
  output_ += encode_pixel_format();
  output_ += encode_encodings();
  if (name == 0)
    expect(Await::message);
  else
    expect(Await::name, name);
  return {};
}

Result<> RfbReader::take_message() {
  switch (u8(0)) {
  case framebuffer_update:
    expect(Await::update);
    return {};
  case bell:
    expect(Await::message);
    return {};
  default:
    return fail("message {} was not asked for", u8(0));
  }
}

Result<> RfbReader::take_rectangle() {
  rectangle_ = {.left = u16(0), .top = u16(2), .width = u16(4), .height = u16(6)};
  const auto encoding = static_cast<int32_t>(u32(8));
  rectangles_--;
  if (encoding == size_encoding) {
    TRY(set_size(rectangle_.width, rectangle_.height));
    next_rectangle();
    return {};
  }
  if (encoding != raw_encoding)
    return fail("encoding {} was not asked for", encoding);
  if (uint32_t{rectangle_.left} + rectangle_.width > size_.width ||
      uint32_t{rectangle_.top} + rectangle_.height > size_.height)
    return fail("a rectangle lies outside the screen of {}x{}", size_.width, size_.height);
  done_ = 0;
  if (rectangle_.width == 0 || rectangle_.height == 0)
    next_rectangle();
  else
    expect(Await::pixels);
  return {};
}

Result<> RfbReader::set_size(uint32_t width, uint32_t height) {
  if (width == 0 || height == 0 || width > longest_side || height > longest_side ||
      size_t{width} * height * bytes_per_pixel > most_bytes_)
    return fail("a screen of {}x{} is none that this guest's graphics card has", width, height);
  size_ = {.width = static_cast<uint16_t>(width), .height = static_cast<uint16_t>(height)};
  listener_.on_size(size_);
  return {};
}

// Up to the end of a line of the rectangle; how much that was.
size_t RfbReader::take_pixels(std::span<const std::byte> bytes) {
  const size_t line = rectangle_.width * bytes_per_pixel;
  const size_t at = done_ % line;
  const auto piece = bytes.first(std::min(bytes.size(), line - at));
  listener_.on_pixels(static_cast<uint16_t>(rectangle_.top + done_ / line),
                      rectangle_.left * bytes_per_pixel + at, piece);
  done_ += piece.size();
  if (done_ == line * rectangle_.height)
    next_rectangle();
  return piece.size();
}

void RfbReader::next_rectangle() {
  if (rectangles_ != 0)
    return expect(Await::rectangle);
  expect(Await::message);
  listener_.on_update();
}

void RfbReader::request() {
  if (ready())
    output_ += encode_update_request(size_);
}

} // namespace linstub::display
