// SPDX-License-Identifier: MIT
#include "wire/mux.hpp"

#include <algorithm>
#include <utility>

namespace linstub::wire {

Mux::Mux(Side side, Listener &listener) : side_(side), listener_(listener) {
  push({.type = FrameType::hello, .stream = 0, .length = 8}, encode_hello());
}

base::Result<StreamId> Mux::open(Service service, uint8_t index, uint32_t window) {
  if (side_ != Side::dom0 || !hello_)
    return base::fail("the stub domain has not said hello yet");
  if (streams_.size() >= most_streams)
    return base::fail("all {} streams of the channel are in use", most_streams);
  do {
    last_++;
  } while (last_ == 0 || streams_.contains(last_));
  streams_[last_] = {.may_receive = window, .window = window};
  push({.type = FrameType::open, .stream = last_, .length = 8},
       encode(Open{.service = service, .index = index, .window = window}));
  return last_;
}

void Mux::accept(StreamId id, uint32_t window) {
  auto found = streams_.find(id);
  if (side_ != Side::stub || found == streams_.end() || found->second.accepted ||
      found->second.closed_here)
    return;
  found->second.accepted = true;
  found->second.may_receive = window;
  found->second.window = window;
  push({.type = FrameType::accept, .stream = id, .length = 4}, encode_window(window));
}

size_t Mux::credit(StreamId id) const {
  auto found = streams_.find(id);
  if (found == streams_.end() || !found->second.accepted || found->second.closed_here)
    return 0;
  return found->second.may_send;
}

size_t Mux::send(StreamId id, std::span<const std::byte> bytes) {
  size_t count = std::min(bytes.size(), credit(id));
  bytes = bytes.first(count);
  while (!bytes.empty()) {
    auto piece = bytes.first(std::min(bytes.size(), longest_data));
    push({.type = FrameType::data, .stream = id, .length = static_cast<uint32_t>(piece.size())},
         piece);
    bytes = bytes.subspan(piece.size());
  }
  if (count != 0)
    streams_[id].may_send -= static_cast<uint32_t>(count);
  return count;
}

void Mux::consume(StreamId id, size_t count) {
  auto found = streams_.find(id);
  if (found == streams_.end() || found->second.closed_here || found->second.closed_there)
    return;
  found->second.owed += static_cast<uint32_t>(count);
  grant(id, found->second);
}

// One credit frame for half a window, not one for every read.
void Mux::grant(StreamId id, Stream &stream) {
  if (stream.owed == 0 || stream.owed < stream.window / 2 || output().size() > most_unread)
    return;
  stream.may_receive += stream.owed;
  push({.type = FrameType::credit, .stream = id, .length = std::exchange(stream.owed, 0)});
}

void Mux::close(StreamId id, std::string_view reason) {
  auto found = streams_.find(id);
  if (found == streams_.end() || found->second.closed_here)
    return;
  found->second.closed_here = true;
  reason = reason.substr(0, longest_reason);
  push({.type = FrameType::close, .stream = id, .length = static_cast<uint32_t>(reason.size())},
       std::as_bytes(std::span(reason)));
  forget_if_closed(id);
}

void Mux::forget_if_closed(StreamId id) {
  auto found = streams_.find(id);
  if (found != streams_.end() && found->second.closed_here && found->second.closed_there)
    streams_.erase(found);
}

base::Result<> Mux::feed(std::span<const std::byte> bytes) {
  if (!broken_)
    return broken_;
  while (!bytes.empty()) {
    // Collect the header, then the payload; never more than one frame is held.
    size_t want = header_size;
    if (input_.size() >= header_size) {
      auto header = decode_header(std::span(input_).first<header_size>());
      want += payload_size(*header); // it was checked when it was complete
    }
    size_t count = std::min(bytes.size(), want - input_.size());
    input_.insert(input_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count));
    bytes = bytes.subspan(count);
    if (input_.size() < want)
      break;
    auto header = decode_header(std::span(input_).first<header_size>());
    if (!header)
      return broken_ = std::unexpected(std::move(header).error());
    if (input_.size() < header_size + payload_size(*header))
      continue;
    std::vector<std::byte> whole = std::exchange(input_, {});
    if (auto done = frame(*header, std::span(whole).subspan(header_size)); !done)
      return broken_ = std::move(done);
  }
  return {};
}

base::Result<> Mux::frame(const Header &header, std::span<const std::byte> payload) {
  if (header.type == FrameType::hello) {
    if (hello_)
      return base::fail("a second hello");
    TRY(check_hello(payload));
    hello_ = true;
    listener_.on_hello();
    return {};
  }
  if (!hello_)
    return base::fail("a frame before hello");
  if (header.type == FrameType::open)
    return handle_open(header.stream, payload);

  auto found = streams_.find(header.stream);
  if (found == streams_.end() || found->second.closed_there)
    return base::fail("a frame for stream {}, which is not open", header.stream);
  Stream &stream = found->second;
  switch (header.type) {
  case FrameType::accept:
    return handle_accept(header.stream, stream, payload);
  case FrameType::data:
    return handle_data(header.stream, stream, payload);
  case FrameType::credit:
    return handle_credit(header.stream, stream, header.length);
  default: // close
    stream.closed_there = true;
    if (!stream.closed_here) {
      std::string_view reason(reinterpret_cast<const char *>(payload.data()), payload.size());
      listener_.on_close(header.stream, reason);
    }
    forget_if_closed(header.stream);
    return {};
  }
}

base::Result<> Mux::handle_open(StreamId id, std::span<const std::byte> payload) {
  if (side_ != Side::stub)
    return base::fail("the stub domain opens a stream");
  if (streams_.contains(id))
    return base::fail("stream {} is opened twice", id);
  if (streams_.size() >= most_streams)
    return base::fail("more than {} streams", most_streams);
  Open open = TRY(decode_open(payload));
  streams_[id] = {.may_send = open.window};
  listener_.on_open(id, open.service, open.index);
  return {};
}

base::Result<> Mux::handle_accept(StreamId id, Stream &stream, std::span<const std::byte> payload) {
  if (side_ != Side::dom0 || stream.accepted)
    return base::fail("stream {} is accepted without need", id);
  stream.may_send = TRY(decode_window(payload));
  stream.accepted = true;
  if (!stream.closed_here)
    listener_.on_accept(id);
  return {};
}

base::Result<> Mux::handle_data(StreamId id, Stream &stream, std::span<const std::byte> payload) {
  if (!stream.accepted)
    return base::fail("data on stream {}, which is not accepted", id);
  if (payload.size() > stream.may_receive)
    return base::fail("{} bytes on stream {}, where {} are allowed", payload.size(), id,
                      stream.may_receive);
  stream.may_receive -= static_cast<uint32_t>(payload.size());
  if (!stream.closed_here)
    listener_.on_data(id, payload);
  return {};
}

base::Result<> Mux::handle_credit(StreamId id, Stream &stream, uint32_t granted) {
  if (!stream.accepted || granted > largest_window - std::min(stream.may_send, largest_window))
    return base::fail("a credit of {} bytes too many on stream {}", granted, id);
  stream.may_send += granted;
  if (!stream.closed_here)
    listener_.on_credit(id);
  return {};
}

void Mux::push(const Header &header, std::span<const std::byte> payload) {
  HeaderBytes bytes = encode(header);
  output_.insert(output_.end(), bytes.begin(), bytes.end());
  output_.insert(output_.end(), payload.begin(), payload.end());
}

std::span<const std::byte> Mux::output() const { return std::span(output_).subspan(output_sent_); }

void Mux::sent(size_t count) {
  const bool held_back = output().size() > most_unread;
  output_sent_ += count;
  if (output_sent_ == output_.size()) {
    output_.clear();
    output_sent_ = 0;
  } else if (output_sent_ >= (size_t{64} << 10)) {
    output_.erase(output_.begin(), output_.begin() + static_cast<ptrdiff_t>(output_sent_));
    output_sent_ = 0;
  }
  if (!held_back || output().size() > most_unread)
    return;
  for (auto &[id, stream] : streams_) {
    if (!stream.closed_here && !stream.closed_there)
      grant(id, stream);
  }
}

} // namespace linstub::wire
