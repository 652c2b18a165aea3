// SPDX-License-Identifier: MIT
#include "stub/channel.hpp"

#include "base/log.hpp"

#include <array>
#include <utility>

namespace linstub::stub {
namespace {

using State = xen::Vchan::State;

} // namespace

Channel::Channel(base::EventLoop &loop, std::unique_ptr<xen::Transport> transport,
                 const LogRing &log, Callbacks callbacks)
    : loop_(loop), transport_(std::move(transport)), log_(log), callbacks_(std::move(callbacks)),
      mux_(wire::Side::stub, *this) {}

base::Result<std::unique_ptr<Channel>> Channel::create(base::EventLoop &loop,
                                                       std::unique_ptr<xen::Transport> transport,
                                                       const LogRing &log, Callbacks callbacks) {
  std::unique_ptr<Channel> channel(
      new Channel(loop, std::move(transport), log, std::move(callbacks)));
  channel->watch_ = TRY(loop.watch(channel->transport_->fd(), EPOLLIN,
                                   [self = channel.get()](uint32_t) { self->ready(); }));
  return channel;
}

void Channel::ready() {
  transport_->acknowledge();
  if (transport_->state() == State::waiting)
    return;
  if (transport_->accept())
    callbacks_.connected();
  std::array<std::byte, 4096> buffer;
  for (;;) {
    auto got = transport_->read(buffer);
    if (!got)
      return end("dom0 has closed the channel");
    if (*got == 0)
      break;
    if (auto fed = mux_.feed(std::span(buffer).first(*got)); !fed)
      return end(fed.error().message());
  }
  pump();
  if (!ended_ && transport_->state() == State::closed)
    end("dom0 has closed the channel");
}

void Channel::write_output() {
  while (!mux_.output().empty()) {
    auto put = transport_->write(mux_.output());
    if (!put || *put == 0)
      return; // a closed channel is noticed by ready()
    mux_.sent(*put);
  }
}

void Channel::pump() {
  if (ended_ || transport_->state() == State::waiting)
    return;
  write_output();
  look_for_talk();
  std::erase_if(sockets_, [](const auto &entry) { return entry.second->finished(); });
  for (auto &[id, socket] : sockets_)
    socket->update();
  forget_viewers_that_left();
}

void Channel::forget_viewers_that_left() {
  const size_t left = std::erase_if(viewers_, [this](wire::StreamId stream) {
    return !waiting_.contains(stream) && !sockets_.contains(stream);
  });
  if (left != 0)
    callbacks_.viewers(viewers_.size());
}

void Channel::admit_viewers() {
  for (const wire::StreamId stream : std::exchange(waiting_, {}))
    connect(stream, wire::Service::vnc, 0);
  pump();
}

void Channel::look_for_talk() {
  auto monitor = sockets_.find(monitor_);
  if (monitor == sockets_.end() || !monitor->second->has_replied())
    return;
  monitor_ = 0;
  callbacks_.qemu_talks();
}

void Channel::on_open(wire::StreamId stream, wire::Service service, uint8_t index) {
  if (service == wire::Service::log) {
    mux_.accept(stream, 1);
    send_log(stream, logs_[stream]);
    return;
  }
  if (service == wire::Service::save)
    return start_save(stream);
  if (service == wire::Service::retire) {
    mux_.close(stream);
    return callbacks_.retire();
  }
  if (service == wire::Service::restore) {
    mux_.close(stream);
    return callbacks_.restore();
  }
  if (service == wire::Service::vnc) {
    viewers_.insert(stream);
    waiting_.insert(stream);
    return callbacks_.viewers(viewers_.size());
  }
  connect(stream, service, index);
}

void Channel::connect(wire::StreamId stream, wire::Service service, uint8_t index) {
  auto socket = callbacks_.connect(service, index);
  if (!socket) {
    base::log_warning("open a stream for dom0: {}", socket.error().message());
    mux_.close(stream, socket.error().message());
    return;
  }
  mux_.accept(stream, SocketStream::window);
  auto &opened = sockets_[stream];
  opened =
      std::make_unique<SocketStream>(loop_, mux_, stream, std::move(*socket), [this] { pump(); });
  if (service == wire::Service::qmp) {
    monitor_ = stream;
    opened->await_reply();
  }
}

void Channel::on_data(wire::StreamId stream, std::span<const std::byte> bytes) {
  if (auto socket = sockets_.find(stream); socket != sockets_.end())
    socket->second->from_dom0(bytes);
}

void Channel::on_credit(wire::StreamId stream) {
  if (auto socket = sockets_.find(stream); socket != sockets_.end())
    socket->second->update();
  if (auto log = logs_.find(stream); log != logs_.end())
    send_log(stream, log->second);
}

void Channel::on_close(wire::StreamId stream, std::string_view) {
  sockets_.erase(stream);
  waiting_.erase(stream);
  logs_.erase(stream);
  if (save_ && stream == save_stream_)
    save_.reset();
  mux_.close(stream);
}

void Channel::start_save(wire::StreamId stream) {
  if (save_)
    return mux_.close(stream, "a state is being saved already");
  save_stream_ = stream;
  save_ = StateSave::start(
      loop_, callbacks_.save,
      {.ready =
           [this, stream] {
             mux_.accept(stream, 1);
             pump();
           },
       .ended = [this, stream](const base::Result<> &result) { save_ended(stream, result); }});
}

void Channel::save_ended(wire::StreamId stream, const base::Result<> &result) {
  auto save = std::move(save_); // it ends after this call, which came from it
  if (result) {
    mux_.send(stream, std::span(&wire::committed, 1));
    mux_.close(stream);
  } else {
    base::log_error("save QEMU's state: {}", result.error().message());
    mux_.close(stream, result.error().message());
  }
  pump();
}

void Channel::send_log(wire::StreamId stream, uint64_t &position) {
  while (size_t room = std::min(mux_.credit(stream), wire::longest_data)) {
    if (mux_.output().size() > SocketStream::congested)
      return;
    std::string text = log_.read(position, room);
    if (text.empty())
      return;
    mux_.send(stream, std::as_bytes(std::span(text)));
  }
}

void Channel::log_grew() {
  if (ended_)
    return;
  for (auto &[stream, position] : logs_)
    send_log(stream, position);
  pump();
}

void Channel::end(std::string_view why) {
  ended_ = true;
  watch_.reset();
  sockets_.clear();
  waiting_.clear();
  viewers_.clear();
  logs_.clear();
  save_.reset();
  callbacks_.gone(why);
}

} // namespace linstub::stub
