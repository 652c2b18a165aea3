// SPDX-License-Identifier: MIT
#include "display/server.hpp"

#include "base/log.hpp"
#include "display/link.hpp"
#include "display/viewer.hpp"
#include "sys/confine.hpp"
#include "sys/unix_socket.hpp"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace linstub::display {
namespace {

using base::Result;

constexpr size_t share = size_t{64} << 10; // of QEMU's bytes, in one turn of the loop
constexpr size_t most_output = size_t{64} << 10;
constexpr size_t most_sizes = 8; // of the screen, among so many bytes
constexpr int inputs_a_turn = 32;
constexpr base::Milliseconds pause{20};

void reap(int /*signal*/) {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

} // namespace

Result<std::unique_ptr<Server>> Server::open(base::EventLoop &loop, Config config,
                                             std::function<Result<>()> before_viewer) {
  std::unique_ptr<Server> server(new Server(loop, std::move(config), std::move(before_viewer)));
  Server &self = *server;
  self.screen_ = TRY(Screen::make(self.config_.most_bytes));
  self.children_ = TRY(loop.on_signals({SIGCHLD}, reap));
  self.viewers_watch_ =
      TRY(loop.watch(self.config_.listener.get(), EPOLLIN, [&self](uint32_t) { self.accept(); }));
  self.link_watch_ =
      TRY(loop.watch(self.config_.link.get(), EPOLLIN, [&self](uint32_t) { self.hear_link(); }));
  return server;
}

Server::~Server() {
  while (!viewers_.empty())
    remove_viewer(viewers_.begin());
}

// --- The stub domain's side ----------------------------------------------------------------------

// The device model process joins it to QEMU when there is one that serves: until then nothing
// comes.
Result<> Server::connect() {
  auto [ours, theirs] = TRY(sys::make_socket_pair(SOCK_STREAM | SOCK_NONBLOCK));
  auto source = std::make_unique<Source>(*this, config_.most_bytes);
  source->socket = std::move(ours);
  source->watch =
      TRY(loop_.watch(source->socket.get(), EPOLLIN, [this](uint32_t events) { ready(events); }));
  TRY(send_stream(config_.link, theirs));
  source_ = std::move(source);
  return {};
}

void Server::reconnect() {
  if (source_ || viewers_.empty())
    return;
  if (auto connected = connect(); !connected)
    lose_source(connected.error().message());
}

void Server::lose_source(const std::string &why) {
  base::log_debug("the stub domain's screen: {}", why);
  source_.reset();
  next_try_ = loop_.at(base::Deadline::after(pauses_.next()), [this] { reconnect(); });
}

void Server::ready(uint32_t events) {
  Result<> done;
  if ((events & EPOLLOUT) != 0)
    done = send();
  if (done && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
    done = receive();
  if (done)
    done = send();
  if (!done)
    lose_source(done.error().message());
}

Result<> Server::receive() {
  std::array<std::byte, share> buffer;
  const ssize_t got = ::read(source_->socket.get(), buffer.data(), buffer.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return {};
  if (got <= 0)
    return base::fail("it has ended");
  if (pace_.take_some(static_cast<uint64_t>(got), base::Clock::now()) < static_cast<uint64_t>(got))
    source_->pause = loop_.at(base::Deadline::after(pause), [this] {
      source_->pause.reset();
      if (auto waits = wait(); !waits)
        lose_source(waits.error().message());
    });
  auto fed = source_->reader.feed(std::span(buffer).first(static_cast<size_t>(got)));
  if (fed && source_->sizes > most_sizes)
    fed = base::fail("it changes its size {} times at once", source_->sizes);
  if (!fed)
    base::log_warning("what should be a screen is none: {}", fed.error().message());
  TRY(std::move(fed));
  source_->sizes = 0;
  if (std::exchange(source_->updated, false))
    tell_viewers();
  if (source_->reader.ready() && !source_->asked) {
    source_->reader.request();
    source_->asked = true;
  }
  return {};
}

Result<> Server::send() {
  std::string &output = source_->reader.output();
  if (!output.empty()) {
    const ssize_t put =
        ::send(source_->socket.get(), output.data(), output.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0 && errno != EAGAIN && errno != EINTR)
      return base::fail_errno(errno, "ask for pixels");
    output.erase(0, static_cast<size_t>(std::max<ssize_t>(put, 0)));
    if (output.size() > 2 * most_output)
      return base::fail("it does not listen");
  }
  return wait();
}

Result<> Server::wait() {
  const uint32_t events = (source_->pause ? 0U : uint32_t{EPOLLIN}) |
                          (source_->reader.output().empty() ? 0U : uint32_t{EPOLLOUT});
  return loop_.change(source_->watch, events);
}

void Server::on_size(Size size) {
  source_->sizes++;
  screen_->resize(size);
}

void Server::on_pixels(uint16_t line, size_t at, std::span<const std::byte> bytes) {
  screen_->write(line, at, bytes);
}

void Server::on_update() {
  pauses_.reset();
  source_->asked = false;
  source_->updated = true;
}

void Server::tell_viewers() {
  constexpr uint64_t once = 1;
  for (const Seen &viewer : viewers_) {
    // One that has not looked yet is told already.
    [[maybe_unused]] ssize_t put = ::write(viewer.changed.get(), &once, sizeof once);
  }
}

void Server::hear_link() {
  auto password = receive_password(config_.link);
  if (password && *password) {
    password_ = std::move(**password);
    return;
  }
  if (password)
    return;
  if (password.error().code() != EPIPE)
    base::log_failure(password);
  link_watch_.reset();
  loop_.stop();
}

// --- The viewers' side ---------------------------------------------------------------------------

void Server::accept() {
  auto client = sys::accept_client(config_.listener);
  if (!client)
    return base::log_warning("VNC: {}", client.error().message());
  if (!*client)
    return;
  if (viewers_.size() >= most_viewers)
    return base::log_warning("VNC: a viewer is turned away: there are {} already", most_viewers);
  base::log_failure(start_viewer(std::move(*client)).transform_error(base::doing("VNC")),
                    base::LogLevel::warning);
}

Result<> Server::start_viewer(base::Fd client) {
  base::Fd changed(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  std::array<int, 2> ends{};
  if (!changed ||
      ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
    return base::fail_errno(errno, "make what a viewer is told by");
  base::Fd ours(ends[0]);
  base::Fd theirs(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0)
    return base::fail_errno(errno, "start a process for a viewer");
  if (pid == 0)
    run_viewer(std::move(client), std::move(changed), std::move(theirs));
  auto place = viewers_.emplace(viewers_.end());
  place->pid = pid;
  place->input = std::move(ours);
  place->changed = std::move(changed);
  auto watch =
      loop_.watch(place->input.get(), EPOLLIN, [this, place](uint32_t) { hear_viewer(place); });
  if (!watch) {
    remove_viewer(place);
    return std::unexpected(std::move(watch).error());
  }
  place->watch = std::move(*watch);
  if (!source_ && !next_try_)
    reconnect();
  return {};
}

void Server::run_viewer(base::Fd client, base::Fd changed, base::Fd input) {
  std::array kept{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO,
                  client.get(), changed.get(), input.get()};
  sys::close_all_but(kept);
  ::prctl(PR_SET_NAME, "linstub-viewer");
  auto confined = screen_->forbid_writing().and_then([this] { return before_viewer_(); });
  if (!confined) {
    base::log_error("confine a viewer's process: {}", confined.error().message());
    ::_exit(1);
  }
  serve_viewer({.screen = *screen_,
                .client = std::move(client),
                .changed = std::move(changed),
                .input = std::move(input),
                .name = config_.name,
                .authenticated = config_.authenticated,
                .password = password_});
  ::_exit(0);
}

void Server::hear_viewer(Place viewer) {
  for (int i = 0; i < inputs_a_turn; i++) {
    std::array<std::byte, sizeof(Input) + 1> packet;
    const ssize_t got = ::recv(viewer->input.get(), packet.data(), packet.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
      return;
    if (got <= 0)
      return remove_viewer(viewer);
    auto input = decode_input(std::span(packet).first(static_cast<size_t>(got)));
    if (!input) {
      base::log_warning("a viewer's process: {}", input.error().message());
      return remove_viewer(viewer);
    }
    to_qemu(viewer->pressed.pass(*input));
  }
}

void Server::remove_viewer(Place viewer) {
  to_qemu(viewer->pressed.release_all());
  ::kill(viewer->pid, SIGKILL); // not reaped yet, or long gone and nobody else's: see confinement
  viewers_.erase(viewer);
  if (!viewers_.empty())
    return;
  source_.reset(); // QEMU draws for nobody
  next_try_.reset();
  screen_->clear();
}

void Server::to_qemu(const std::string &bytes) {
  if (bytes.empty() || !source_ || !source_->reader.ready() ||
      source_->reader.output().size() > most_output)
    return;
  source_->reader.output() += bytes;
  if (auto sent = send(); !sent)
    lose_source(sent.error().message());
}

} // namespace linstub::display
