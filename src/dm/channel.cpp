// SPDX-License-Identifier: MIT
#include "dm/channel.hpp"

#include <array>

namespace linstub::dm {

base::Result<std::unique_ptr<Channel>>
Channel::create(base::EventLoop &loop, std::unique_ptr<xen::Transport> transport, Events events) {
  std::unique_ptr<Channel> channel(new Channel(loop, std::move(transport), std::move(events)));
  channel->watch_ = TRY(loop.watch(channel->transport_->fd(), EPOLLIN,
                                   [raw = channel.get()](uint32_t) { raw->receive(); }));
  channel->flush(); // hello
  return channel;
}

base::Result<wire::StreamId> Channel::open(wire::Service service, uint8_t index, uint32_t window,
                                           Stream &stream) {
  if (broken_)
    return base::fail("the channel to the stub domain is broken");
  wire::StreamId id = TRY(mux_.open(service, index, window));
  streams_[id] = &stream;
  flush();
  return id;
}

size_t Channel::send(wire::StreamId id, std::span<const std::byte> bytes) {
  size_t count = broken_ ? 0 : mux_.send(id, bytes);
  flush();
  return count;
}

void Channel::consume(wire::StreamId id, size_t count) {
  mux_.consume(id, count);
  flush();
}

void Channel::close(wire::StreamId id) {
  streams_.erase(id);
  mux_.close(id);
  flush();
}

void Channel::leave() {
  flush();
  broken_ = true;
  streams_.clear();
  watch_.reset();
  rest_.reset();
  report_.reset();
}

Channel::Stream *Channel::find(wire::StreamId id) {
  auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second;
}

void Channel::on_hello() { events_.on_ready(); }

void Channel::on_accept(wire::StreamId id) {
  if (Stream *stream = find(id))
    stream->on_accept();
}

void Channel::on_data(wire::StreamId id, std::span<const std::byte> bytes) {
  if (Stream *stream = find(id))
    stream->on_data(bytes);
}

void Channel::on_credit(wire::StreamId id) {
  if (Stream *stream = find(id))
    stream->on_credit();
}

void Channel::on_close(wire::StreamId id, std::string_view reason) {
  Stream *stream = find(id);
  streams_.erase(id);
  mux_.close(id);
  if (stream != nullptr)
    stream->on_close(reason);
}

void Channel::receive() {
  transport_->acknowledge();
  take();
}

void Channel::take() {
  std::array<std::byte, 16384> buffer;
  for (size_t taken = 0; !broken_;) {
    // The event that told of what is still there has been acknowledged.
    if (taken >= channel_budget) {
      rest_ = loop_.soon([this] { take(); });
      break;
    }
    auto got = transport_->read(buffer);
    if (!got)
      return broken(got.error().message());
    if (*got == 0)
      break;
    taken += *got;
    if (auto fed = mux_.feed(std::span(buffer).first(*got)); !fed)
      return broken(fed.error().message());
  }
  flush();
}

void Channel::flush() {
  while (!broken_ && !mux_.output().empty()) {
    auto put = transport_->write(mux_.output());
    if (!put)
      return broken(put.error().message());
    if (*put == 0)
      return; // the transport's event comes when there is room
    mux_.sent(*put);
  }
}

void Channel::broken(const std::string &why) {
  if (broken_)
    return;
  broken_ = true;
  watch_.reset();
  rest_.reset();
  // Not from here: the caller may be in the middle of something.
  report_ = loop_.soon([this, why] { events_.on_broken(why); });
}

} // namespace linstub::dm
