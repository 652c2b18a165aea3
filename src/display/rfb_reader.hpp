// SPDX-License-Identifier: MIT
// RfbReader: dom0's end of the conversation with QEMU's VNC server in a stub domain (RFC 6143). Of
// that protocol it knows what pixels need, and takes everything else for an attack: version 3.8, no
// authentication, 32 bits a pixel, rectangles without compression, another size of the screen. It
// does no I/O and keeps no pixels.
//
// All bytes are hostile. What the listener is told lies within the screen's size, and that within
// the bounds below, whatever has come.
#pragma once

#include "base/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace linstub::display {

struct Size {
  uint16_t width = 0;
  uint16_t height = 0;

  bool operator==(const Size &) const = default;
};

constexpr size_t bytes_per_pixel = 4; // blue, green, red, nothing
constexpr uint16_t longest_side = 8192;

class RfbReader {
public:
  class Listener {
  public:
    virtual ~Listener() = default;
    // At first, and when the guest has chosen another mode. What was there before is void.
    virtual void on_size(Size size) = 0;
    // Bytes of a line of the screen, from the byte `at` of that line on. They may begin and end
    // within a pixel, never beyond the line.
    virtual void on_pixels(uint16_t line, size_t at, std::span<const std::byte> bytes) = 0;
    // What has been told since request() is a whole picture again.
    virtual void on_update() = 0;
  };

  // No screen has more than `most_bytes` of pixels. The listener must outlive this object.
  RfbReader(Listener &listener, size_t most_bytes) : listener_(listener), most_bytes_(most_bytes) {}

  // An error means that it is no conversation any more: nothing else may be fed.
  base::Result<> feed(std::span<const std::byte> bytes);

  // Asks for what has changed since the last update, once there is a screen.
  void request();

  // Whether QEMU takes input and requests: the greetings are over.
  [[nodiscard]] bool ready() const { return size_ != Size{}; }

  // What is to be sent to QEMU; the caller empties it.
  [[nodiscard]] std::string &output() { return output_; }

private:
  enum class Await : uint8_t {
    version,
    security_count,
    security_types,
    security_result,
    screen,
    name,
    message,
    update,
    rectangle,
    pixels
  };
  static size_t length_of(Await await);

  base::Result<> take(); // what is in head_, whole
  base::Result<> take_security_types();
  base::Result<> take_screen();
  base::Result<> take_message();
  base::Result<> take_rectangle();
  base::Result<> set_size(uint32_t width, uint32_t height);
  size_t take_pixels(std::span<const std::byte> bytes);
  void next_rectangle();
  void expect(Await await) { expect(await, length_of(await)); }
  void expect(Await await, size_t length);

  [[nodiscard]] uint8_t u8(size_t at) const { return std::to_integer<uint8_t>(head_.at(at)); }
  [[nodiscard]] uint16_t u16(size_t at) const {
    return static_cast<uint16_t>(u8(at) << 8U | u8(at + 1));
  }
  [[nodiscard]] uint32_t u32(size_t at) const { return uint32_t{u16(at)} << 16U | u16(at + 2); }

  Listener &listener_;
  size_t most_bytes_;
  Await await_ = Await::version;
  size_t wanted_ = length_of(Await::version); // bytes of what is awaited
  size_t got_ = 0;                            // of them, in head_ (of a name: dropped)
  std::array<std::byte, 256> head_{};
  Size size_;
  uint16_t rectangles_ = 0; // of this update, to come
  struct {
    uint16_t left = 0, top = 0, width = 0, height = 0;
  } rectangle_;
  size_t done_ = 0; // bytes of the rectangle
  std::string output_;
};

} // namespace linstub::display
