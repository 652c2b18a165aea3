// SPDX-License-Identifier: MIT
// Feeds both sides of the channel with foreign bytes, hello already said and a few streams open.
#include "wire/mux.hpp"

#include <cstdlib>

namespace {

using namespace linstub;

// Behaves like an owner of the Mux: accepts, reads, answers, closes.
class Owner : public wire::Mux::Listener {
public:
  void on_hello() override {}
  void on_open(wire::StreamId stream, wire::Service, uint8_t index) override {
    if (index % 2 == 0)
      mux->accept(stream, 4096);
    else
      mux->close(stream, "refused");
  }
  void on_accept(wire::StreamId stream) override {
    mux->send(stream, std::as_bytes(std::span("hi")));
  }
  void on_data(wire::StreamId stream, std::span<const std::byte> bytes) override {
    received += bytes.size();
    mux->consume(stream, bytes.size());
  }
  void on_credit(wire::StreamId stream) override {
    mux->send(stream, std::as_bytes(std::span("more")));
  }
  void on_close(wire::StreamId stream, std::string_view) override { mux->close(stream); }

  wire::Mux *mux = nullptr;
  size_t received = 0;
};

void feed(wire::Side side, std::span<const std::byte> bytes) {
  Owner owner;
  wire::Mux mux(side, owner);
  owner.mux = &mux;
  auto hello = wire::encode(wire::Header{.type = wire::FrameType::hello, .stream = 0, .length = 8});
  if (!mux.feed(hello) || !mux.feed(wire::encode_hello()))
    std::abort();
  if (side == wire::Side::dom0) {
    for (uint8_t i = 0; i < 3; i++) {
      if (!mux.open(wire::Service::vnc, 0, 256))
        std::abort();
    }
  }
  size_t before = mux.output().size();
  bool good = mux.feed(bytes).has_value();
  // What a side makes its peer send is bounded by what it sends itself.
  if (mux.output().size() - before > 64 * (bytes.size() + 1) || owner.received > bytes.size())
    std::abort();
  if (!good && mux.feed(bytes))
    std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto bytes = std::as_bytes(std::span(data, size));
  feed(wire::Side::dom0, bytes);
  feed(wire::Side::stub, bytes);
  return 0;
}
