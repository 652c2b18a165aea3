// SPDX-License-Identifier: MIT
#include "adversary.hpp"

#include "base/log.hpp"
#include "wire/paths.hpp"

#include <unistd.h>

#include <algorithm>

namespace linstub::adversary {

using base::Milliseconds;
using wire::FrameType;
using wire::Service;

base::Result<> Adversary::come_up() {
  line_ = std::make_unique<Line>(TRY(Line::serve()));
  if (manners.say_hello) {
    auto hello = wire::encode_hello();
    line_->put({.type = FrameType::hello, .stream = 0, .length = hello.size()}, hello);
  }
  TRY(store.write(base::format("device-model/{}/state", settings.target), "running"));
  TRY(store.write(wire::pci_node, ""));
  return store.write(wire::state_node, "running");
}

void Adversary::serve(Milliseconds time) {
  const auto end = base::Deadline::after(time);
  while (!end.passed())
    serve_once(std::min(end.left(), Milliseconds(100)));
}

void Adversary::serve_once(Milliseconds wait) {
  for (const Frame &frame : line_->receive(wait))
    handle(frame);
  flush();
}

void Adversary::handle(const Frame &frame) {
  const wire::StreamId id = frame.header.stream;
  switch (frame.header.type) {
  case FrameType::open:
    return handle_open(id, frame.payload);
  case FrameType::data:
    return handle_data(id, frame.payload);
  case FrameType::credit:
    if (auto stream = streams_.find(id); stream != streams_.end())
      stream->second.credit += frame.header.length;
    return;
  case FrameType::close:
    if (streams_.erase(id) != 0)
      line_->put({.type = FrameType::close, .stream = id, .length = 0});
    return;
  default:
    return;
  }
}

void Adversary::handle_open(wire::StreamId id, std::span<const std::byte> payload) {
  auto open = wire::decode_open(payload);
  if (!open || !manners.accept)
    return;
  streams_[id] = {.service = open->service, .index = open->index, .credit = open->window};
  if (open->service == Service::save && on_save)
    return on_save(id);
  if (open->service == Service::save || open->service == Service::retire) {
    streams_.erase(id);
    line_->put({.type = FrameType::close, .stream = id, .length = 0});
    return;
  }
  auto window = wire::encode_window(manners.window);
  line_->put({.type = FrameType::accept, .stream = id, .length = window.size()}, window);
  if (open->service == Service::qmp && manners.greet)
    due_.push_back({.when = base::Deadline::after(Milliseconds(0)),
                    .stream = id,
                    .text = FakeQemu::greeting()});
}

void Adversary::handle_data(wire::StreamId id, std::span<const std::byte> payload) {
  auto stream = streams_.find(id);
  if (stream == streams_.end())
    return;
  if (manners.grant)
    line_->put(
        {.type = FrameType::credit, .stream = id, .length = static_cast<uint32_t>(payload.size())});
  if (stream->second.service != Service::qmp || !manners.answer)
    return;
  for (std::string &text : qemu_.feed(payload))
    due_.push_back(
        {.when = base::Deadline::after(manners.delay), .stream = id, .text = std::move(text)});
}

// Sends the answers that are due, as far as the credit goes.
void Adversary::flush() {
  while (!due_.empty() && due_.front().when.passed()) {
    Due &first = due_.front();
    if (streams_.contains(first.stream)) {
      first.text.erase(0, send(first.stream, bytes_of(first.text)));
      if (!first.text.empty())
        return;
    }
    due_.erase(due_.begin());
  }
}

wire::StreamId Adversary::stream_to(Service service) {
  for (;;) {
    for (const auto &[id, stream] : streams_) {
      if (stream.service == service)
        return id;
    }
    serve_once(Milliseconds(100));
  }
}

size_t Adversary::send(wire::StreamId id, std::span<const std::byte> bytes, size_t frame) {
  auto stream = streams_.find(id);
  if (stream == streams_.end())
    return 0;
  const size_t count = std::min<size_t>(bytes.size(), stream->second.credit);
  for (size_t at = 0; at < count;) {
    auto piece = bytes.subspan(at, std::min(frame, count - at));
    if (!line_->put(
            {.type = FrameType::data, .stream = id, .length = static_cast<uint32_t>(piece.size())},
            piece))
      return at;
    at += piece.size();
  }
  stream->second.credit -= static_cast<uint32_t>(count);
  return count;
}

void Adversary::send_all(wire::StreamId id, std::string_view text) {
  while (!text.empty() && streams_.contains(id)) {
    text.remove_prefix(send(id, bytes_of(text)));
    if (!text.empty())
      serve_once(Milliseconds(100));
  }
}

void Adversary::say(const std::string &text) {
  base::log_info("{}", text);
  base::log_failure(store.write("data/adversary", text));
}

void sleep_for_ever() {
  for (;;)
    ::sleep(1000);
}

} // namespace linstub::adversary
