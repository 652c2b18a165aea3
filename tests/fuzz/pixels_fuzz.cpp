// SPDX-License-Identifier: MIT
// What should be QEMU's VNC server, and what a viewer's process says. The first byte says how the
// rest comes: in pieces of that size, and behind the greetings or not, so that the fuzzer need not
// find those first. What is told must lie within the screen, and the screen within its bounds.
#include "display/input.hpp"
#include "display/rfb_reader.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace {

using namespace linstub;

constexpr size_t most_bytes = size_t{4} << 20U;

class Owner final : public display::RfbReader::Listener {
public:
  void on_size(display::Size size) override {
    if (size.width == 0 || size.height == 0 || size.width > display::longest_side ||
        size.height > display::longest_side ||
        size_t{size.width} * size.height * display::bytes_per_pixel > most_bytes)
      std::abort();
    size_ = size;
  }
  void on_pixels(uint16_t line, size_t at, std::span<const std::byte> bytes) override {
    if (bytes.empty() || line >= size_.height ||
        at + bytes.size() > size_.width * display::bytes_per_pixel)
      std::abort();
  }
  void on_update() override { reader->request(); }

  display::RfbReader *reader = nullptr;

private:
  display::Size size_;
};

void read_viewer(std::span<const std::byte> bytes) {
  display::Pressed pressed;
  size_t down = 0;
  while (!bytes.empty()) {
    const auto packet = bytes.first(std::min(bytes.size(), sizeof(display::Input)));
    bytes = bytes.subspan(packet.size());
    if (auto input = display::decode_input(packet))
      down += pressed.pass(*input).empty() ? 0U : 1U;
  }
  if (pressed.release_all().size() > (display::Pressed::most_keys + 1) * 8 ||
      (down == 0 && !pressed.release_all().empty()))
    std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  auto bytes = std::as_bytes(std::span(data, size)).subspan(1);
  read_viewer(bytes);
  Owner owner;
  display::RfbReader reader(owner, most_bytes);
  owner.reader = &reader;
  static const std::string greetings("RFB 003.008\n\1\1\0\0\0\0\1\0\1\0ffffffffffffffff\0\0\0\0",
                                     42);
  if ((data[0] & 1U) != 0 && !reader.feed(std::as_bytes(std::span(greetings))))
    std::abort();
  const size_t piece = 1 + (data[0] >> 1U);
  while (!bytes.empty()) {
    const auto now = bytes.first(std::min(piece, bytes.size()));
    bytes = bytes.subspan(now.size());
    if (!reader.feed(now))
      break;
    if (reader.output().size() > 4096)
      reader.output().clear();
  }
  return 0;
}
