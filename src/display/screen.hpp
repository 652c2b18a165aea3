// SPDX-License-Identifier: MIT
// Screen: the guest's pixels, in memory that the process which takes them from QEMU shares with
// those that show them to viewers. One writes, any number read, nobody waits for anybody: what is
// read while it changes is read again, because its mark changes after it.
#pragma once

#include "base/result.hpp"
#include "display/rfb_reader.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace linstub::display {

// What a mark is for: so many pixels of so many lines.
constexpr size_t tile_width = 64;
constexpr size_t tile_height = 16;
constexpr size_t tiles_across(Size size) { return (size.width + tile_width - 1) / tile_width; }
constexpr size_t tiles_down(Size size) { return (size.height + tile_height - 1) / tile_height; }

class Screen {
public:
  // Room for `most_bytes` of pixels. Memory is taken as far as there are any.
  static base::Result<std::unique_ptr<Screen>> make(size_t most_bytes);
  Screen(const Screen &) = delete;
  Screen &operator=(const Screen &) = delete;
  ~Screen();

  // Of the writer. The size is one that RfbReader tells, and bytes lie within it.
  void resize(Size size); // and black
  void write(uint16_t line, size_t at, std::span<const std::byte> bytes);
  void clear(); // no screen at all, and no memory for one

  // In a process that only reads, for good.
  base::Result<> forbid_writing();

  // Of a reader.
  [[nodiscard]] Size size() const;
  [[nodiscard]] uint32_t epoch() const; // another one with each resize() and clear()
  [[nodiscard]] uint32_t mark(size_t tile) const { return shared().marks[tile].load(order); }
  [[nodiscard]] const std::byte *line(size_t number, Size size) const {
    return pixels() + number * size.width * bytes_per_pixel;
  }

private:
  static constexpr size_t most_tiles = (longest_side / tile_width) * (longest_side / tile_height);
  static constexpr auto order = std::memory_order_seq_cst;
  struct Shared {
    std::atomic<uint32_t> epoch;
    std::atomic<uint32_t> size; // width in the upper half, so that both change at once
    std::array<std::atomic<uint32_t>, most_tiles> marks;
  };

  Screen(std::byte *memory, size_t most_bytes) : memory_(memory), most_bytes_(most_bytes) {}
  void become(Size size);
  [[nodiscard]] Shared &shared() const { return *reinterpret_cast<Shared *>(memory_); }
  [[nodiscard]] std::byte *pixels() const { return memory_ + pixels_at(); }
  static size_t pixels_at();
  [[nodiscard]] size_t length() const { return pixels_at() + most_bytes_; }

  std::byte *memory_;
  size_t most_bytes_;
};

// A reader's own picture of the screen: what a viewer is shown, which does not change while that is
// done.
class Picture {
public:
  explicit Picture(const Screen &screen) : screen_(screen) {}

  struct Rectangle {
    size_t left = 0, top = 0, width = 0, height = 0;

    bool operator==(const Rectangle &) const = default;
  };

  // Whether the screen has another size than the picture, or is another one.
  [[nodiscard]] bool stale() const { return screen_.epoch() != epoch_; }

  // Becomes as large as the screen, and black; no pixels if there is none. Then pixels() has moved.
  void follow();

  // Takes what has changed since the last time; these are the places. Nothing while stale().
  std::vector<Rectangle> take();

  [[nodiscard]] Size size() const { return size_; }
  [[nodiscard]] std::byte *pixels() { return pixels_.data(); }

private:
  bool take_tile(size_t column, size_t row, Rectangle &changed);

  const Screen &screen_;
  uint32_t epoch_ = UINT32_MAX;
  Size size_;
  std::vector<std::byte> pixels_;
  std::vector<uint32_t> marks_;
};

} // namespace linstub::display
