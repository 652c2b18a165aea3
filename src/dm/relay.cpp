// SPDX-License-Identifier: MIT
#include "dm/relay.hpp"

#include <unistd.h>

#include <array>

namespace linstub::dm {
namespace {

constexpr uint32_t window = 64 << 10; // bytes that wait for a slow client, at most

} // namespace

base::Result<std::unique_ptr<Relay>> Relay::start(base::EventLoop &loop, Channel &channel,
                                                  base::Fd client, wire::Service service,
                                                  uint8_t index, std::function<void()> ended) {
  std::unique_ptr<Relay> relay(new Relay(loop, channel, std::move(client), std::move(ended)));
  relay->watch_ = TRY(loop.watch(relay->client_.get(), 0,
                                 [raw = relay.get()](uint32_t events) { raw->ready(events); }));
  relay->stream_ = TRY(channel.open(service, index, window, *relay));
  relay->stream_open_ = true;
  return relay;
}

Relay::~Relay() {
  if (stream_open_)
    channel_.close(stream_);
}

void Relay::ready(uint32_t events) {
  if ((events & EPOLLOUT) != 0)
    send();
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
    receive();
  update();
}

void Relay::receive() {
  std::array<std::byte, 16384> buffer;
  size_t most = std::min(buffer.size(), channel_.credit(stream_));
  if (most == 0)
    most = 1; // only a hang-up brings us here then: see what it is
  ssize_t got = ::read(client_.get(), buffer.data(), most);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got <= 0)
    return end();
  if (channel_.send(stream_, std::span(buffer).first(static_cast<size_t>(got))) == 0)
    end();
}

void Relay::send() {
  auto written = output_.write_to(client_);
  if (!written)
    return end();
  if (stream_open_ && *written != 0)
    channel_.consume(stream_, *written);
  if (output_.empty() && !stream_open_)
    end(); // the last bytes before the stream's end are out
}

void Relay::on_data(std::span<const std::byte> bytes) {
  output_.add(bytes);
  send();
  update();
}

void Relay::on_close(std::string_view) {
  stream_open_ = false;
  if (output_.empty())
    end();
  else
    update(); // nothing is read any more
}

void Relay::update() {
  if (over_ || !watch_)
    return;
  uint32_t events = output_.empty() ? 0U : uint32_t{EPOLLOUT};
  if (stream_open_ && channel_.credit(stream_) != 0)
    events |= EPOLLIN;
  if (!loop_.change(watch_, events))
    end();
}

void Relay::end() {
  if (std::exchange(over_, true))
    return;
  watch_.reset();
  last_ = loop_.soon([this] { ended_(); });
}

} // namespace linstub::dm
