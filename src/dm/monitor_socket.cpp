// SPDX-License-Identifier: MIT
#include "dm/monitor_socket.hpp"

#include "base/log.hpp"
#include "dm/monitor.hpp"
#include "sys/parcel.hpp"
#include "sys/unix_socket.hpp"

#include <unistd.h>

#include <array>

namespace linstub::dm {
namespace {

constexpr size_t most_descriptors = 4;          // that a client passes before they are used
constexpr size_t most_output = size_t{2} << 20; // bytes that a client leaves unread

} // namespace

base::Result<std::unique_ptr<MonitorSocket>>
MonitorSocket::open(base::EventLoop &loop, Monitor &owner, const plan::MonitorAddress &where) {
  std::unique_ptr<MonitorSocket> socket(new MonitorSocket(loop, owner, where));
  if (where.fd >= 0) {
    socket->listener_ = base::Fd(where.fd); // libxl listens already
    TRY(base::set_nonblocking(socket->listener_));
  } else {
    socket->listener_ = TRY(sys::listen_unix(where.path));
  }
  return socket;
}

MonitorSocket::~MonitorSocket() {
  if (!where_.path.empty())
    ::unlink(where_.path.c_str());
}

base::Result<> MonitorSocket::serve(qmp::Version version) {
  version_ = version;
  if (listen_watch_)
    return {};
  listen_watch_ = TRY(loop_.watch(listener_.get(), EPOLLIN, [this](uint32_t) { accept(); }));
  return {};
}

void MonitorSocket::accept() {
  auto client = sys::accept_client(listener_);
  if (!client)
    return base::log_warning("monitor {}: {}", where_.path, client.error().message());
  if (!*client)
    return;
  client_ = std::move(*client);
  session_ = std::make_shared<qmp::ServerSession>(
      version_, [this](const qmp::Command &command) { owner_.execute(*this, command); });
  auto watch = loop_.watch(client_.get(), EPOLLIN, [this](uint32_t events) { ready(events); });
  if (!watch)
    return drop_client();
  client_watch_ = std::move(*watch);
  // One client at a time, as with QEMU: the next one waits until this one has left.
  if (!loop_.change(listen_watch_, 0))
    base::log_warning("monitor {}: cannot hold back further clients", where_.path);
  flush();
}

void MonitorSocket::ready(uint32_t events) {
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
    receive();
  flush();
}

base::Fd MonitorSocket::take_received() {
  if (received_.empty())
    return {};
  base::Fd fd = std::move(received_.front());
  received_.pop_front();
  return fd;
}

// Reads bytes, and keeps the descriptors that come with them.
ssize_t MonitorSocket::read_message(std::span<std::byte> bytes) {
  sys::Parcel<most_descriptors> parcel(bytes);
  const ssize_t got = parcel.receive(client_.get(), 0);
  for (base::Fd &file : parcel.take()) {
    received_.push_back(std::move(file));
    if (received_.size() > most_descriptors)
      received_.pop_front();
  }
  return got;
}

void MonitorSocket::receive() {
  std::array<std::byte, 4096> buffer;
  ssize_t got = read_message(buffer);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got <= 0)
    return drop_client();
  std::shared_ptr<qmp::ServerSession> session = session_; // a command may end it
  if (auto fed = session->feed(std::span(buffer).first(static_cast<size_t>(got))); !fed) {
    base::log_warning("monitor {}: {}: the client is dropped", where_.path, fed.error().message());
    drop_client();
  }
}

void MonitorSocket::flush() {
  if (!session_)
    return;
  output_.add(session_->take_output());
  if (!output_.write_to(client_))
    return drop_client();
  if (output_.size() > most_output ||
      !loop_.change(client_watch_, output_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT))
    drop_client();
}

void MonitorSocket::drop_client() {
  client_watch_.reset();
  session_.reset();
  client_.reset();
  output_.clear();
  received_.clear();
  if (!loop_.change(listen_watch_, EPOLLIN))
    base::log_warning("monitor {}: takes no more clients", where_.path);
}

} // namespace linstub::dm
