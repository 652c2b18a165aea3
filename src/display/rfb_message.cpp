// SPDX-License-Identifier: MIT
#include "display/rfb_message.hpp"

#include <array>
#include <concepts>

namespace linstub::display {
namespace {

// Messages of the client.
constexpr uint8_t set_pixel_format = 0;
constexpr uint8_t set_encodings = 2;
constexpr uint8_t update_request = 3;
constexpr uint8_t key_event = 4;
constexpr uint8_t pointer_event = 5;

void put(std::string &bytes, std::unsigned_integral auto value) {
  for (int shift = 8 * (static_cast<int>(sizeof value) - 1); shift >= 0; shift -= 8)
    bytes.push_back(static_cast<char>(value >> shift & 0xffU));
}

template <class... Fields>
std::string message(Fields... fields) {
  std::string bytes;
  (put(bytes, fields), ...);
  return bytes;
}

constexpr uint8_t padding = 0;

} // namespace

std::string encode_client_init() { return message(uint8_t{1}); }

std::string encode_pixel_format() {
  constexpr uint8_t bits = 32;
  constexpr uint8_t depth = 24;
  constexpr uint8_t big_endian = 0;
  constexpr uint8_t true_colour = 1;
  constexpr uint16_t most = 255; // of each colour
  constexpr uint8_t red = 16;
  constexpr uint8_t green = 8;
  constexpr uint8_t blue = 0;
  return message(set_pixel_format, padding, padding, padding, bits, depth, big_endian, true_colour,
                 most, most, most, red, green, blue, padding, padding, padding);
}

std::string encode_encodings() {
  return message(set_encodings, padding, uint16_t{2}, static_cast<uint32_t>(raw_encoding),
                 static_cast<uint32_t>(size_encoding));
}

std::string encode_update_request(Size size) {
  constexpr uint8_t incremental = 1;
  return message(update_request, incremental, uint16_t{0}, uint16_t{0}, size.width, size.height);
}

std::string encode_key(uint32_t keysym, bool down) {
  return message(key_event, static_cast<uint8_t>(down ? 1 : 0), padding, padding, keysym);
}

std::string encode_pointer(uint16_t x, uint16_t y, uint8_t buttons) {
  return message(pointer_event, buttons, x, y);
}

} // namespace linstub::display
