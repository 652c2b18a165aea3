// SPDX-License-Identifier: MIT
// What dom0 says to QEMU's VNC server (RFC 6143, 7.3 and 7.5), as bytes.
#pragma once

#include "display/rfb_reader.hpp"

#include <cstdint>
#include <string>

namespace linstub::display {

constexpr int32_t raw_encoding = 0;
constexpr int32_t size_encoding = -223; // DesktopSize, a pseudo-encoding

std::string encode_client_init();  // the screen is shared with others
std::string encode_pixel_format(); // QEMU's own for 32 bits: it copies and converts nothing
std::string encode_encodings();    // the two above
std::string encode_update_request(Size size);
std::string encode_key(uint32_t keysym, bool down);
std::string encode_pointer(uint16_t x, uint16_t y, uint8_t buttons);

} // namespace linstub::display
