// SPDX-License-Identifier: MIT
#include "stub/socket_stream.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace linstub::stub {

SocketStream::SocketStream(base::EventLoop &loop, wire::Mux &mux, wire::StreamId id,
                           base::Fd socket, std::function<void()> changed)
    : loop_(loop), mux_(mux), id_(id), socket_(std::move(socket)), changed_(std::move(changed)) {
  update();
}

void SocketStream::from_dom0(std::span<const std::byte> bytes) {
  if (finished_)
    return;
  pending_.insert(pending_.end(), bytes.begin(), bytes.end());
  flush();
  update();
}

void SocketStream::flush() {
  while (!pending_.empty()) {
    ssize_t put = ::send(socket_.get(), pending_.data(), pending_.size(), MSG_NOSIGNAL);
    if (put < 0) {
      if (errno == EINTR)
        continue;
      if (errno != EAGAIN)
        finish(base::errno_text(errno));
      return;
    }
    pending_.erase(pending_.begin(), pending_.begin() + put);
    mux_.consume(id_, static_cast<size_t>(put));
  }
}

void SocketStream::receive() {
  std::array<std::byte, wire::longest_data> buffer;
  size_t room = std::min(buffer.size(), mux_.credit(id_));
  if (room == 0 || mux_.output().size() > congested)
    return;
  ssize_t got = ::read(socket_.get(), buffer.data(), room);
  if (got > 0) {
    auto bytes = std::span(buffer).first(static_cast<size_t>(got));
    if (replied_ == false) {
      const std::string_view text(reinterpret_cast<const char *>(bytes.data()), bytes.size());
      replied_ = text.contains("\"return\"");
    }
    mux_.send(id_, bytes);
  } else if (got == 0) {
    finish({});
  } else if (errno != EAGAIN && errno != EINTR) {
    finish(base::errno_text(errno));
  }
}

void SocketStream::finish(std::string_view reason) {
  finished_ = true;
  watch_.reset();
  events_ = 0;
  mux_.close(id_, reason);
}

void SocketStream::update() {
  if (finished_)
    return;
  bool may_receive = mux_.credit(id_) > 0 && mux_.output().size() <= congested;
  uint32_t events = (may_receive ? EPOLLIN : 0U) | (pending_.empty() ? 0U : EPOLLOUT);
  if (events == events_)
    return;
  // A watch for nothing would still report a hang-up, again and again.
  if (events == 0) {
    watch_.reset();
  } else if (watch_) {
    if (!loop_.change(watch_, events))
      finish("the event loop refuses a watch");
  } else if (auto watch = loop_.watch(socket_.get(), events, [this](uint32_t e) { ready(e); })) {
    watch_ = std::move(*watch);
  } else {
    finish("the event loop refuses a watch");
  }
  events_ = events;
}

void SocketStream::ready(uint32_t events) {
  if ((events & EPOLLOUT) != 0)
    flush();
  if (!finished_ && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
    receive();
  update();
  auto changed = changed_; // *this may be gone before it returns
  changed();
}

} // namespace linstub::stub
