// SPDX-License-Identifier: MIT
// Input: what a viewer does, in a message of fixed size from the process that speaks with it to the
// one that speaks with QEMU. The latter takes it for hostile: a viewer may have taken that over.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>

namespace linstub::display {

enum class InputKind : uint8_t { key = 1, pointer = 2 };

struct Input {
  InputKind kind{};
  uint8_t state = 0;   // of a key: 1 for down; of the pointer: a bit for each button that is down
  uint16_t x = 0;      // of the pointer
  uint16_t y = 0;      // of the pointer
  uint16_t unused = 0; // 0
  uint32_t keysym = 0; // of a key: X11's number

  bool operator==(const Input &) const = default;
};
static_assert(sizeof(Input) == 12);

// Of one message. An error means that it is none of ours.
base::Result<Input> decode_input(std::span<const std::byte> bytes);

// What is down of what one viewer has pressed, so that it can be let go of when the viewer is gone.
class Pressed {
public:
  static constexpr size_t most_keys = 32;

  // As bytes for QEMU's VNC server; empty for one key too many.
  std::string pass(const Input &input);

  // The viewer is gone.
  std::string release_all();

private:
  std::set<uint32_t> keys_;
  Input pointer_{.kind = InputKind::pointer};
};

} // namespace linstub::display
