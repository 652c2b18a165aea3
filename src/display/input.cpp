// SPDX-License-Identifier: MIT
#include "display/input.hpp"

#include "display/rfb_message.hpp"

#include <cstring>

namespace linstub::display {

base::Result<Input> decode_input(std::span<const std::byte> bytes) {
  Input input;
  if (bytes.size() != sizeof input)
    return base::fail("a message of {} bytes is none of a viewer's", bytes.size());
  std::memcpy(&input, bytes.data(), sizeof input);
  const bool key = input.kind == InputKind::key && input.state <= 1 && input.x == 0 && input.y == 0;
  const bool pointer = input.kind == InputKind::pointer && input.keysym == 0 &&
                       input.x < longest_side && input.y < longest_side;
  if ((!key && !pointer) || input.unused != 0)
    return base::fail("a message is neither a key nor the pointer");
  return input;
}

std::string Pressed::pass(const Input &input) {
  if (input.kind == InputKind::pointer) {
    pointer_ = input;
    return encode_pointer(input.x, input.y, input.state);
  }
  const bool down = input.state != 0;
  if (down && keys_.size() >= most_keys && !keys_.contains(input.keysym))
    return {};
  if (down)
    keys_.insert(input.keysym);
  else
    keys_.erase(input.keysym);
  return encode_key(input.keysym, down);
}

std::string Pressed::release_all() {
  std::string bytes;
  for (const uint32_t keysym : keys_)
    bytes += encode_key(keysym, false);
  keys_.clear();
  if (pointer_.state != 0)
    bytes += encode_pointer(pointer_.x, pointer_.y, 0);
  pointer_.state = 0;
  return bytes;
}

} // namespace linstub::display
