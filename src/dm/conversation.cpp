// SPDX-License-Identifier: MIT
#include "dm/conversation.hpp"

#include "base/log.hpp"

#include <utility>

namespace linstub::dm {
namespace {

constexpr uint32_t window = 64 << 10;
// What QEMU says without end is heard at this pace, in bytes. Its longest answers have some tens of
// KiB.
constexpr uint64_t burst = uint64_t{1} << 20;
constexpr uint64_t per_second = uint64_t{256} << 10;

} // namespace

Conversation::Conversation(base::EventLoop &loop, Owner owner)
    : owner_(std::move(owner)),
      session_({.on_ready = [this](qmp::Version version) { owner_.on_ready(*this, version); },
                .on_event = [this](const qmp::Event &event) { owner_.on_event(*this, event); }}),
      credit_(loop, burst, per_second) {}

Conversation::~Conversation() {
  if (channel_ != nullptr)
    channel_->close(stream_);
}

base::Result<> Conversation::connect(Channel &channel) {
  stream_ = TRY(channel.open(wire::Service::qmp, 0, window, *this));
  channel_ = &channel;
  credit_.start(channel, stream_);
  return {};
}

void Conversation::leave(std::string_view why) {
  if (Channel *channel = std::exchange(channel_, nullptr))
    channel->close(stream_);
  credit_.stop();
  to_qemu_.clear();
  session_.abandon(why);
}

base::Result<> Conversation::ask(std::string_view name, std::string_view arguments,
                                 qmp::ClientSession::Done done) {
  TRY(session_.execute(name, arguments, std::move(done)));
  flush();
  return {};
}

void Conversation::on_data(std::span<const std::byte> bytes) {
  auto fed = session_.feed(bytes);
  credit_.consume(bytes.size());
  if (!fed)
    return owner_.on_broken(*this, base::format("QEMU's monitor: {}", fed.error().message()));
  flush();
}

void Conversation::on_close(std::string_view reason) {
  channel_ = nullptr;
  credit_.stop();
  owner_.on_broken(*this, base::format("QEMU's monitor has closed: {}",
                                       base::printable(reason, wire::longest_reason)));
}

void Conversation::flush() {
  to_qemu_ += session_.take_output();
  if (channel_ == nullptr || to_qemu_.empty())
    return;
  to_qemu_.erase(0, channel_->send(stream_, std::as_bytes(std::span(to_qemu_))));
}

} // namespace linstub::dm
