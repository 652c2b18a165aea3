// SPDX-License-Identifier: MIT
// Adversary: a stub domain that was taken over. It comes up as a good one does, linstub-init and
// QEMU in one, so that the guest is served; then it plays its trick (tricks.hpp).
#pragma once

#include "fake_qemu.hpp"
#include "line.hpp"
#include "stub/settings.hpp"
#include "xen/xenstore.hpp"

#include <functional>
#include <map>
#include <string>

namespace linstub::adversary {

// What it still does of what is expected of it.
struct Manners {
  bool say_hello = true;
  bool accept = true;                  // streams that dom0 opens
  uint32_t window = uint32_t{1} << 16; // for each of them
  bool grant = true;                   // credit for what has come
  bool greet = true;                   // as QEMU
  bool answer = true;                  // QMP commands
  base::Milliseconds delay{0};         // of each answer
};

class Adversary {
public:
  struct Stream {
    wire::Service service{};
    uint8_t index = 0;
    uint32_t credit = 0; // dom0's grant, less what was sent
  };
  using Streams = std::map<wire::StreamId, Stream>;

  Adversary(xen::Xenstore its_store, stub::Settings its_settings)
      : store(std::move(its_store)), settings(std::move(its_settings)) {}

  // Does as linstub-init and QEMU would, up to the words that say that they run.
  base::Result<> come_up();

  // Behaves, as far as its manners go, for a while; and once without a wait.
  void serve(base::Milliseconds time);
  void serve_once(base::Milliseconds wait);

  // The first stream to a service that dom0 has opened; serves until there is one.
  wire::StreamId stream_to(wire::Service service);
  [[nodiscard]] Streams &streams() { return streams_; }

  // Sends data on a stream, a piece of it as the credit allows: how much.
  size_t send(wire::StreamId id, std::span<const std::byte> bytes,
              size_t frame = wire::longest_data);
  // All of it, serving meanwhile.
  void send_all(wire::StreamId id, std::string_view text);

  // Tells the scenario, in data/adversary of xenstore and on the console.
  void say(const std::string &text);

  // What becomes of a save stream, in place of a refusal.
  std::function<void(wire::StreamId)> on_save;

  xen::Xenstore store;
  stub::Settings settings;
  Manners manners;
  [[nodiscard]] Line &line() { return *line_; }
  [[nodiscard]] FakeQemu &qemu() { return qemu_; }

private:
  void handle(const Frame &frame);
  void handle_open(wire::StreamId id, std::span<const std::byte> payload);
  void handle_data(wire::StreamId id, std::span<const std::byte> payload);
  void flush();

  std::unique_ptr<Line> line_;
  FakeQemu qemu_;
  Streams streams_;
  struct Due {
    base::Deadline when;
    wire::StreamId stream;
    std::string text;
  };
  std::vector<Due> due_; // answers
};

// For ever.
[[noreturn]] void sleep_for_ever();

} // namespace linstub::adversary
