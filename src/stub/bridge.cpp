// SPDX-License-Identifier: MIT
#include "stub/bridge.hpp"

#include "base/log.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace linstub::stub {
namespace {

using State = xen::Vchan::State;

void drop_front(std::vector<std::byte> &bytes, size_t count) {
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count));
}

} // namespace

base::Result<std::unique_ptr<Bridge>>
Bridge::create(base::EventLoop &loop, std::unique_ptr<xen::Transport> transport, Connect connect) {
  std::unique_ptr<Bridge> bridge(new Bridge(loop, std::move(transport), std::move(connect)));
  bridge->watch_ = TRY(loop.watch(bridge->transport_->fd(), EPOLLIN,
                                  [self = bridge.get()](uint32_t) { self->ready(); }));
  return bridge;
}

void Bridge::ready() {
  transport_->acknowledge();
  if (transport_->accept())
    new_client();
  if (transport_->state() == State::closed)
    drop_client();
  else
    move();
}

void Bridge::new_client() {
  drop_client();
  auto socket = connect_();
  if (!socket) {
    base::log_warning("dom0's QMP client: {}", socket.error().message());
    return;
  }
  socket_ = std::move(*socket);
  base::log_debug("a QMP client of dom0's has come");
}

void Bridge::drop_client() {
  socket_watch_.reset();
  socket_.reset();
  for_socket_.clear();
  for_transport_.clear();
  transport_->discard();
}

bool Bridge::to_socket() {
  std::array<std::byte, 2048> buffer;
  while (for_socket_.size() < most_held) {
    auto got = transport_->read(buffer);
    if (!got || *got == 0)
      break;
    for_socket_.insert(for_socket_.end(), buffer.begin(),
                       buffer.begin() + static_cast<ptrdiff_t>(*got));
  }
  while (!for_socket_.empty()) {
    ssize_t put = ::send(socket_.get(), for_socket_.data(), for_socket_.size(), MSG_NOSIGNAL);
    if (put < 0)
      return errno == EAGAIN || errno == EINTR;
    drop_front(for_socket_, static_cast<size_t>(put));
  }
  return true;
}

bool Bridge::to_transport() {
  std::array<std::byte, 2048> buffer;
  while (for_transport_.size() < most_held) {
    ssize_t got = ::read(socket_.get(), buffer.data(), buffer.size());
    if (got == 0)
      return false;
    if (got < 0) {
      if (errno == EAGAIN || errno == EINTR)
        break;
      return false;
    }
    for_transport_.insert(for_transport_.end(), buffer.begin(), buffer.begin() + got);
  }
  while (!for_transport_.empty()) {
    auto put = transport_->write(for_transport_);
    if (!put || *put == 0)
      break;
    drop_front(for_transport_, *put);
  }
  return true;
}

void Bridge::move() {
  if (!socket_)
    return;
  if (!to_socket() || !to_transport()) {
    // QEMU has closed its end; the client finds out when it asks the next time.
    base::log_warning("QEMU has closed the monitor");
    socket_watch_.reset();
    socket_.reset();
    return;
  }
  watch_socket();
}

void Bridge::watch_socket() {
  uint32_t events =
      (for_transport_.size() < most_held ? EPOLLIN : 0U) | (for_socket_.empty() ? 0U : EPOLLOUT);
  socket_watch_.reset();
  if (events == 0)
    return;
  auto watch = loop_.watch(socket_.get(), events, [this](uint32_t) { move(); });
  if (watch)
    socket_watch_ = std::move(*watch);
  else
    base::log_error("dom0's QMP client: {}", watch.error().message());
}

} // namespace linstub::stub
