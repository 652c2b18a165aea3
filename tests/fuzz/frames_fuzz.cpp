// SPDX-License-Identifier: MIT
// The channel in dom0, by a stub domain that knows the protocol: the input is a list of frames,
// most of them well-formed, and of what linstub-dm does in between.
#include "fuzz/bytes.hpp"
#include "wire/mux.hpp"

#include <array>
#include <cstdlib>
#include <map>
#include <vector>

namespace {

using namespace linstub;

constexpr std::array<uint32_t, 3> windows{1, 64, 4096};

// Keeps count of what it has granted: more must never come.
class Owner final : public wire::Mux::Listener {
public:
  void on_hello() override {}
  void on_open(wire::StreamId, wire::Service, uint8_t) override { std::abort(); }
  void on_accept(wire::StreamId stream) override { known(stream); }
  void on_data(wire::StreamId stream, std::span<const std::byte> bytes) override {
    known(stream);
    if (bytes.empty() || (unread[stream] += bytes.size()) > granted[stream])
      std::abort();
  }
  void on_credit(wire::StreamId stream) override { known(stream); }
  void on_close(wire::StreamId stream, std::string_view reason) override {
    known(stream);
    if (reason.size() > wire::longest_reason)
      std::abort();
    mux->close(stream);
    forget(stream);
  }
  void known(wire::StreamId stream) const {
    if (!granted.contains(stream))
      std::abort(); // it was closed here
  }
  void forget(wire::StreamId stream) {
    granted.erase(stream);
    unread.erase(stream);
  }

  wire::Mux *mux = nullptr;
  std::map<wire::StreamId, size_t> granted; // the window
  std::map<wire::StreamId, size_t> unread;
};

class Play {
public:
  Play() {
    owner_.mux = &mux_;
    say(wire::FrameType::hello, 0, wire::encode_hello());
  }

  // False when the channel has ended.
  bool step(fuzz::Bytes &input) {
    const auto stream = static_cast<wire::StreamId>(input.number(6));
    switch (input.number(12)) {
    case 0:
      return say(wire::FrameType::accept, stream, wire::encode_window(window(input)));
    case 1:
    case 2:
    case 3: {
      auto text = input.piece(1 + input.number(80));
      return say(wire::FrameType::data, stream, std::as_bytes(std::span(text)));
    }
    case 4:
      return feed(wire::encode(wire::Header{
          .type = wire::FrameType::credit, .stream = stream, .length = window(input)}));
    case 5: {
      auto text = input.piece(input.number(20));
      return say(wire::FrameType::close, stream, std::as_bytes(std::span(text)));
    }
    case 6: { // a frame of any kind
      auto text = input.piece(wire::header_size);
      return feed(std::as_bytes(std::span(text)));
    }
    case 7: { // linstub-dm asks for something
      const uint32_t granted = windows.at(input.number(windows.size()));
      if (auto opened = mux_.open(wire::Service::vnc, 0, granted))
        owner_.granted[*opened] = granted;
      return true;
    }
    case 8:
      mux_.close(stream);
      owner_.forget(stream);
      return true;
    case 9: {
      const std::vector<std::byte> text(input.number(5000));
      if (mux_.send(stream, text) > text.size())
        std::abort();
      return true;
    }
    case 10: // what has come is dealt with
      if (auto unread = owner_.unread.find(stream); unread != owner_.unread.end()) {
        const size_t done = input.number(unread->second + 1);
        unread->second -= done;
        mux_.consume(stream, done);
      }
      return true;
    default: // the stub domain reads
      mux_.sent(input.number(mux_.output().size() + 1));
      return true;
    }
  }

private:
  static uint32_t window(fuzz::Bytes &input) {
    return static_cast<uint32_t>(1 + (input.number(65536) << input.number(6)));
  }
  bool say(wire::FrameType type, wire::StreamId stream, std::span<const std::byte> payload) {
    return feed(wire::encode(wire::Header{
               .type = type, .stream = stream, .length = static_cast<uint32_t>(payload.size())})) &&
           feed(payload);
  }
  bool feed(std::span<const std::byte> bytes) { return mux_.feed(bytes).has_value(); }

  Owner owner_;
  wire::Mux mux_{wire::Side::dom0, owner_};
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::Bytes input(data, size);
  Play play;
  for (int steps = 0; steps < 200 && !input.empty() && play.step(input); steps++) {
  }
  return 0;
}
