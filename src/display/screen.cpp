// SPDX-License-Identifier: MIT
#include "display/screen.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace linstub::display {
namespace {

constexpr size_t page = 4096;
constexpr unsigned half = 16;

} // namespace

size_t Screen::pixels_at() { return (sizeof(Shared) + page - 1) / page * page; }

base::Result<std::unique_ptr<Screen>> Screen::make(size_t most_bytes) {
  void *memory = ::mmap(nullptr, pixels_at() + most_bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return base::fail_errno(errno, "map {} bytes for a screen", most_bytes);
  new (memory) Shared; // zeros: it is fresh from the kernel
  return std::unique_ptr<Screen>(new Screen(static_cast<std::byte *>(memory), most_bytes));
}

Screen::~Screen() { ::munmap(memory_, length()); }

base::Result<> Screen::forbid_writing() {
  if (::mprotect(memory_, length(), PROT_READ) != 0)
    return base::fail_errno(errno, "forbid writing to the screen");
  return {};
}

// Between the two epochs there is no screen: a reader that comes then has one that is soon stale.
void Screen::become(Size size) {
  shared().size.store(0, order);
  shared().epoch.fetch_add(1, order);
  ::madvise(pixels(), most_bytes_ / page * page, MADV_REMOVE); // black, and given back
  shared().size.store(uint32_t{size.width} << half | size.height, order);
  shared().epoch.fetch_add(1, order);
}

void Screen::resize(Size size) { become(size); }

void Screen::clear() { become({}); }

Size Screen::size() const {
  const uint32_t both = shared().size.load(order);
  return {.width = static_cast<uint16_t>(both >> half), .height = static_cast<uint16_t>(both)};
}

uint32_t Screen::epoch() const { return shared().epoch.load(order); }

void Screen::write(uint16_t line, size_t at, std::span<const std::byte> bytes) {
  const Size now = size();
  const size_t across = now.width * bytes_per_pixel;
  if (bytes.empty() || line >= now.height || at + bytes.size() > across)
    return; // RfbReader tells of no such thing
  std::memcpy(pixels() + line * across + at, bytes.data(), bytes.size());
  constexpr size_t tile_bytes = tile_width * bytes_per_pixel;
  const size_t row = line / tile_height * tiles_across(now);
  for (size_t tile = at / tile_bytes; tile <= (at + bytes.size() - 1) / tile_bytes; tile++)
    shared().marks[row + tile].fetch_add(1, order);
}

// --- A reader's own ------------------------------------------------------------------------------

void Picture::follow() {
  do {
    epoch_ = screen_.epoch();
    size_ = screen_.size();
  } while (epoch_ != screen_.epoch());
  pixels_.assign(size_t{size_.width} * size_.height * bytes_per_pixel, std::byte{0});
  // A mark that no tile has: each is looked at once.
  marks_.resize(tiles_across(size_) * tiles_down(size_));
  for (size_t tile = 0; tile < marks_.size(); tile++)
    marks_[tile] = screen_.mark(tile) - 1;
}

std::vector<Picture::Rectangle> Picture::take() {
  std::vector<Rectangle> changed;
  const size_t across = tiles_across(size_);
  for (size_t row = 0; row < tiles_down(size_); row++) {
    Rectangle strip; // of tiles beside each other
    auto end_strip = [&] {
      if (strip.width != 0)
        changed.push_back(std::exchange(strip, {}));
    };
    for (size_t column = 0; column < across; column++) {
      Rectangle tile;
      if (!take_tile(column, row, tile)) {
        end_strip();
        continue;
      }
      if (strip.width == 0) {
        strip = tile;
        continue;
      }
      const size_t bottom = std::max(strip.top + strip.height, tile.top + tile.height);
      strip.top = std::min(strip.top, tile.top);
      strip.height = bottom - strip.top;
      strip.width += tile.width;
    }
    end_strip();
  }
  return changed;
}

// The lines of it that are not as they were.
bool Picture::take_tile(size_t column, size_t row, Rectangle &changed) {
  const size_t number = row * tiles_across(size_) + column;
  const uint32_t mark = screen_.mark(number); // before the pixels: those written later change it
  if (mark == marks_[number] || stale())
    return false;
  marks_[number] = mark;
  changed.left = column * tile_width;
  changed.width = std::min(tile_width, size_.width - changed.left);
  const size_t first = row * tile_height;
  const size_t end = std::min<size_t>(first + tile_height, size_.height);
  size_t top = end;
  size_t bottom = first;
  for (size_t line = first; line < end; line++) {
    const size_t offset = changed.left * bytes_per_pixel;
    const size_t length = changed.width * bytes_per_pixel;
    const std::byte *now = screen_.line(line, size_) + offset;
    std::byte *ours = pixels_.data() + line * size_.width * bytes_per_pixel + offset;
    if (std::memcmp(ours, now, length) == 0)
      continue;
    std::memcpy(ours, now, length);
    top = std::min(top, line);
    bottom = line + 1;
  }
  changed.top = top;
  changed.height = bottom > top ? bottom - top : 0;
  return bottom > top;
}

} // namespace linstub::display
