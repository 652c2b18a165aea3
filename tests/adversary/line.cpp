// SPDX-License-Identifier: MIT
#include "line.hpp"

#include "wire/paths.hpp"
#include "xen/xen_headers.hpp"

#include <fcntl.h>
#include <poll.h>

#include <array>

namespace linstub::adversary {
namespace {

// linstub-init's.
constexpr size_t from_dom0 = size_t{8} << 10;
constexpr size_t to_dom0 = size_t{64} << 10;

constexpr base::Milliseconds look_again{100};

} // namespace

void Line::Close::operator()(libxenvchan *channel) const { ::libxenvchan_close(channel); }

base::Result<Line> Line::serve() {
  libxenvchan *channel =
      ::libxenvchan_server_init(nullptr, 0, wire::channel_node, from_dom0, to_dom0);
  if (channel == nullptr)
    return base::fail_errno(errno, "serve the channel");
  channel->blocking = 0;
  const int fd = ::libxenvchan_fd_for_select(channel);
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  return Line(channel);
}

void Line::wait(base::Milliseconds limit) {
  pollfd one{.fd = ::libxenvchan_fd_for_select(channel_.get()), .events = POLLIN, .revents = 0};
  if (::poll(&one, 1, static_cast<int>(limit.count())) == 1)
    ::libxenvchan_wait(channel_.get());
}

std::vector<Frame> Line::receive(base::Milliseconds limit) {
  std::array<std::byte, 8192> buffer;
  int got = ::libxenvchan_read(channel_.get(), buffer.data(), buffer.size());
  if (got <= 0 && limit.count() != 0) {
    wait(limit);
    got = ::libxenvchan_read(channel_.get(), buffer.data(), buffer.size());
  }
  if (got > 0)
    input_.insert(input_.end(), buffer.begin(), buffer.begin() + got);
  std::vector<Frame> frames;
  size_t at = 0;
  while (input_.size() - at >= wire::header_size) {
    auto rest = std::span<const std::byte>(input_).subspan(at);
    auto header = wire::decode_header(rest.first<wire::header_size>());
    if (!header) // dom0 does not lie
      break;
    const size_t size = wire::header_size + wire::payload_size(*header);
    if (rest.size() < size)
      break;
    auto payload = rest.subspan(wire::header_size, size - wire::header_size);
    frames.push_back({.header = *header, .payload = {payload.begin(), payload.end()}});
    at += size;
  }
  input_.erase(input_.begin(), input_.begin() + static_cast<ptrdiff_t>(at));
  return frames;
}

size_t Line::put_some(std::span<const std::byte> bytes) {
  const int put = ::libxenvchan_write(channel_.get(), bytes.data(), bytes.size());
  return put > 0 ? static_cast<size_t>(put) : 0;
}

bool Line::put(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (::libxenvchan_is_open(channel_.get()) == 0)
      return false;
    const size_t count = put_some(bytes);
    bytes = bytes.subspan(count);
    if (count == 0)
      wait(look_again);
  }
  return true;
}

bool Line::put(const wire::Header &header, std::span<const std::byte> payload) {
  auto head = wire::encode(header);
  std::vector<std::byte> whole(head.begin(), head.end());
  whole.insert(whole.end(), payload.begin(), payload.end());
  return put(whole);
}

void Line::kick() { ::xenevtchn_notify(channel_->event, channel_->event_port); }

} // namespace linstub::adversary
