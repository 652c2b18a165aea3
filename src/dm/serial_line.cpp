// SPDX-License-Identifier: MIT
#include "dm/serial_line.hpp"

#include "base/log.hpp"
#include "sys/terminal.hpp"
#include "sys/unix_socket.hpp"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <array>

namespace linstub::dm {
namespace {

constexpr uint32_t window = 16 << 10;
constexpr size_t kept = 16 << 10; // of what nobody has read
constexpr base::Milliseconds between_looks{500};

} // namespace

base::Result<std::unique_ptr<SerialLine>>
SerialLine::open(base::EventLoop &loop, const plan::SerialPort &port, uint8_t index) {
  std::unique_ptr<SerialLine> line(new SerialLine(loop, port, index));
  TRY(line->open_port().transform_error(base::doing("serial port {}", index)));
  return line;
}

SerialLine::~SerialLine() {
  disconnect();
  if (listener_)
    ::unlink(port_.path.c_str());
}

base::Result<> SerialLine::open_port() {
  switch (port_.kind) {
  case plan::SerialKind::pty:
    return begin_pty();
  case plan::SerialKind::file:
    fd_ = TRY(base::open_file(port_.path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK));
    filename_ = "file";
    attach();
    return {};
  case plan::SerialKind::device:
    fd_ = TRY(sys::open_raw_terminal(port_.path, O_RDWR | O_NONBLOCK));
    filename_ = "serial";
    attach();
    return {};
  case plan::SerialKind::socket:
    listener_ = TRY(sys::listen_unix(port_.path));
    listen_watch_ = TRY(loop_.watch(listener_.get(), EPOLLIN, [this](uint32_t) { accept(); }));
    filename_ = base::format("unix:{},server=on", port_.path);
    return {};
  case plan::SerialKind::null:
    filename_ = "null";
    return {};
  }
  return {};
}

base::Result<> open_pty(plan::SerialPort &port) {
  base::Fd master = TRY(base::open_file("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK));
  std::array<char, 64> name{};
  if (::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0 ||
      ::ptsname_r(master.get(), name.data(), name.size()) != 0)
    return base::fail_errno(errno, "make a pty");
  port.path = name.data();
  port.master = master.release();
  return {};
}

base::Result<> SerialLine::begin_pty() {
  if (port_.master < 0)
    TRY(open_pty(port_));
  fd_ = base::Fd(std::exchange(port_.master, -1));
  filename_ = base::format("pty:{}", port_.path);
  // Raw before the first byte. Opening and closing it once also makes the kernel tell, from now
  // on, whether somebody has it open.
  base::Fd other = TRY(sys::open_raw_terminal(port_.path, O_RDWR));
  other.reset();
  look_for_reader();
  return {};
}

void SerialLine::look_for_reader() {
  pollfd state{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  ::poll(&state, 1, 0);
  if ((state.revents & POLLHUP) == 0)
    return attach();
  timer_ = loop_.at(base::Deadline::after(between_looks), [this] { look_for_reader(); });
}

void SerialLine::accept() {
  auto client = sys::accept_client(listener_);
  if (!client || !*client)
    return;
  detach(); // the newest client wins: a dead one may not have been noticed
  fd_ = std::move(*client);
  attach();
}

void SerialLine::attach() {
  attached_ = true;
  if (port_.kind == plan::SerialKind::file) // epoll does not take files; they never block
    return send();
  auto watch = loop_.watch(fd_.get(), EPOLLIN, [this](uint32_t events) { ready(events); });
  if (!watch)
    return detach();
  watch_ = std::move(*watch);
  send();
  update();
}

void SerialLine::detach() {
  attached_ = false;
  watch_.reset();
  if (port_.kind == plan::SerialKind::socket)
    fd_.reset();
  if (port_.kind == plan::SerialKind::pty)
    timer_ = loop_.at(base::Deadline::after(between_looks), [this] { look_for_reader(); });
}

base::Result<> SerialLine::connect(Channel &channel) {
  if (port_.kind == plan::SerialKind::null)
    return {};
  stream_ = TRY(channel.open(wire::Service::serial, index_, window, *this));
  channel_ = &channel;
  update();
  return {};
}

void SerialLine::disconnect() {
  if (channel_ != nullptr)
    channel_->close(stream_);
  channel_ = nullptr;
  unread_ = 0;
  update();
}

void SerialLine::on_data(std::span<const std::byte> bytes) {
  output_.add(bytes);
  unread_ += bytes.size();
  send();
  update();
}

void SerialLine::on_close(std::string_view reason) {
  channel_ = nullptr;
  base::log_warning("serial port {}: the stub domain has closed it: {}", index_, reason);
}

void SerialLine::ready(uint32_t events) {
  if ((events & EPOLLOUT) != 0)
    send();
  if (attached_ && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
    receive();
  update();
}

void SerialLine::receive() {
  size_t credit = channel_ == nullptr ? 0 : channel_->credit(stream_);
  std::array<std::byte, 4096> buffer;
  size_t most = std::max<size_t>(1, std::min(buffer.size(), credit));
  ssize_t got = ::read(fd_.get(), buffer.data(), most);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got <= 0)
    return detach();
  if (channel_ != nullptr)
    channel_->send(stream_, std::span(buffer).first(static_cast<size_t>(got)));
}

void SerialLine::send() {
  if (attached_ && !output_.write_to(fd_))
    return detach();
  if (!attached_)
    output_.keep_newest(kept); // nobody reads: the oldest goes, and the guest writes on
  size_t waiting = attached_ ? output_.size() : 0;
  if (unread_ > waiting && channel_ != nullptr)
    channel_->consume(stream_, unread_ - waiting);
  unread_ = std::min(unread_, waiting);
}

void SerialLine::update() {
  if (!attached_ || !watch_)
    return;
  uint32_t events = output_.empty() ? 0U : uint32_t{EPOLLOUT};
  if (channel_ != nullptr && channel_->credit(stream_) != 0)
    events |= EPOLLIN;
  if (!loop_.change(watch_, events))
    detach();
}

} // namespace linstub::dm
