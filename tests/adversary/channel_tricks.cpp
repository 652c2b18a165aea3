// SPDX-License-Identifier: MIT
// What can be done with the channel by who holds its other end. Frames that break no rule may come
// without an end; those that break one end the channel.
#include "base/format.hpp"
#include "tricks.hpp"
#include "xen/xen_headers.hpp"

#include <array>

namespace linstub::adversary {
namespace {

using base::Milliseconds;
using wire::FrameType;
using wire::Service;

constexpr size_t piece = 4096;

// Sends on all of `services`, for ever, as much as dom0 has granted.
struct Flow {
  Service service{};
  std::string text; // again and again
};
[[noreturn]] void send_for_ever(Adversary &adversary, const std::vector<Flow> &flows,
                                size_t frame) {
  std::vector<wire::StreamId> ids;
  ids.reserve(flows.size());
  for (const Flow &flow : flows)
    ids.push_back(adversary.stream_to(flow.service));
  for (;;) {
    size_t sent = 0;
    for (size_t i = 0; i < flows.size(); i++)
      sent += adversary.send(ids[i], bytes_of(flows[i].text), frame);
    adversary.serve_once(Milliseconds(sent == 0 ? 100 : 0));
  }
}

std::string many(std::string_view part, size_t size) {
  std::string text;
  while (text.size() < size)
    text += part;
  return text;
}

std::string lines() {
  return many("the quick brown fox jumps over the lazy dog, and over this log\n", piece);
}

} // namespace

// The ring full at all times, of what is all right: lines, blanks between QMP messages, text of the
// guest's serial port.
void flood(Adversary &adversary) {
  send_for_ever(adversary,
                {{.service = Service::log, .text = lines()},
                 {.service = Service::qmp, .text = std::string(piece, '\n')},
                 {.service = Service::serial, .text = lines()}},
                wire::longest_data);
}

// As many lines as there are bytes.
void flood_log(Adversary &adversary) {
  send_for_ever(adversary, {{.service = Service::log, .text = std::string(piece, '\n')}},
                wire::longest_data);
}

// The most work for each byte.
void flood_small_frames(Adversary &adversary) {
  send_for_ever(adversary,
                {{.service = Service::log, .text = lines()},
                 {.service = Service::qmp, .text = std::string(piece, ' ')}},
                1);
}

void flood_blanks(Adversary &adversary) {
  send_for_ever(adversary, {{.service = Service::qmp, .text = std::string(piece, ' ')}},
                wire::longest_data);
}

void flood_serial(Adversary &adversary) {
  send_for_ever(adversary, {{.service = Service::serial, .text = many("0123456789abcde\n", piece)}},
                wire::longest_data);
}

// To all viewers that there are, and come.
void flood_vnc(Adversary &adversary) {
  const std::string picture = many("not a picture at all ", piece);
  for (;;) {
    std::vector<wire::StreamId> viewers;
    for (const auto &[id, stream] : adversary.streams()) {
      if (stream.service == Service::vnc)
        viewers.push_back(id);
    }
    size_t sent = 0;
    for (wire::StreamId id : viewers)
      sent += adversary.send(id, bytes_of(picture));
    adversary.serve_once(Milliseconds(sent == 0 ? 100 : 0));
  }
}

// Up to the largest window in small steps: 65,000 frames that are all right. The next is one too
// many.
void drip_credit(Adversary &adversary) {
  const wire::StreamId serial = adversary.stream_to(Service::serial);
  const auto drop = wire::encode({.type = FrameType::credit, .stream = serial, .length = 16});
  std::vector<std::byte> drops;
  for (int i = 0; i < 1000; i++)
    drops.insert(drops.end(), drop.begin(), drop.end());
  while (adversary.line().put(drops))
    adversary.serve_once(Milliseconds(0));
}

void exceed_credit(Adversary &adversary) {
  const wire::StreamId log = adversary.stream_to(Service::log);
  const std::string text = lines();
  const auto size = static_cast<uint32_t>(text.size());
  while (adversary.line().put({.type = FrameType::data, .stream = log, .length = size},
                              bytes_of(text))) {
  }
}

void stop_granting(Adversary &adversary) { adversary.manners.grant = false; }

// Neither reads nor writes.
void fall_silent(Adversary &) { sleep_for_ever(); }

void send_garbage(Adversary &adversary) {
  std::array<std::byte, piece> bytes{};
  uint32_t state = 1;
  for (;;) {
    for (std::byte &one : bytes) {
      state = state * 1664525 + 1013904223; // any numbers will do
      one = static_cast<std::byte>(state >> 24);
    }
    if (!adversary.line().put(bytes))
      return;
  }
}

// The counters and the sizes in the shared page, which the other side can never believe.
void lie_about_the_ring(Adversary &adversary) {
  libxenvchan &ring = adversary.line().ring();
  uint32_t state = 1;
  for (;;) {
    state = state * 1664525 + 1013904223;
    vchan_interface &shared = *ring.ring;
    shared.left.prod = state;
    shared.left.cons = state >> 3;
    shared.right.prod = state << 7;
    shared.right.cons = state >> 11;
    shared.left_order = static_cast<uint16_t>(state >> 16);
    shared.right_order = static_cast<uint16_t>(state >> 9);
    shared.srv_notify = shared.cli_notify = 0xff;
    adversary.line().kick();
  }
}

void kick_dom0(Adversary &adversary) {
  for (;;)
    adversary.line().kick();
}

} // namespace linstub::adversary
