// SPDX-License-Identifier: MIT
// A Transport whose other end is the test: two byte queues of bounded size and an eventfd.
//
// Where the code makes its transport itself (xen::offer_vchan), the test says beforehand what
// it is to find:
//
//     fake::Wire wire;
//     fake::Serve serve(stub, "/local/domain/5/data/linstub/channel", wire);
#pragma once

#include "xen/transport.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace linstub::fake {

struct Wire {
  Wire() = default;
  Wire(const Wire &) = delete;
  Wire &operator=(const Wire &) = delete;
  ~Wire() { ::close(event); }

  int event = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  xen::Vchan::State state = xen::Vchan::State::waiting;
  bool new_client = false;
  size_t room = 4096; // of each ring
  std::vector<std::byte> to_us;
  std::vector<std::byte> to_peer;

  void kick() const { ::eventfd_write(event, 1); }
  void client_comes() {
    new_client = true;
    state = xen::Vchan::State::open;
    kick();
  }
  void client_goes() {
    state = xen::Vchan::State::closed;
    kick();
  }
  void send(std::string_view text) {
    auto bytes = std::as_bytes(std::span(text));
    to_us.insert(to_us.end(), bytes.begin(), bytes.end());
    kick();
  }
  std::string receive() {
    std::string text(reinterpret_cast<const char *>(to_peer.data()), to_peer.size());
    to_peer.clear();
    kick();
    return text;
  }
};

class Transport final : public xen::Transport {
public:
  explicit Transport(Wire &wire) : wire_(wire) {}
  [[nodiscard]] int fd() const override { return wire_.event; }
  void acknowledge() override {
    eventfd_t count = 0;
    ::eventfd_read(wire_.event, &count);
  }
  bool accept() override { return std::exchange(wire_.new_client, false); }
  void discard() override {
    wire_.to_us.clear();
    wire_.to_peer.clear();
  }
  [[nodiscard]] xen::Vchan::State state() const override { return wire_.state; }
  base::Result<size_t> read(std::span<std::byte> bytes) override {
    if (wire_.to_us.empty() && wire_.state == xen::Vchan::State::closed)
      return base::fail_errno(EPIPE, "read");
    size_t count = std::min(bytes.size(), wire_.to_us.size());
    std::copy_n(wire_.to_us.begin(), count, bytes.begin());
    wire_.to_us.erase(wire_.to_us.begin(), wire_.to_us.begin() + static_cast<ptrdiff_t>(count));
    return count;
  }
  base::Result<size_t> write(std::span<const std::byte> bytes) override {
    if (wire_.state == xen::Vchan::State::closed)
      return base::fail_errno(EPIPE, "write");
    size_t count = std::min(bytes.size(), wire_.room - std::min(wire_.room, wire_.to_peer.size()));
    wire_.to_peer.insert(wire_.to_peer.end(), bytes.begin(),
                         bytes.begin() + static_cast<ptrdiff_t>(count));
    return count;
  }

private:
  Wire &wire_;
};

// As long as it lives, offer_vchan(peer, path) leads to `wire`: a vchan that is served.
class Serve {
public:
  Serve(xen::DomId peer, std::string path, Wire &wire);
  ~Serve();
  Serve(const Serve &) = delete;
  Serve &operator=(const Serve &) = delete;

private:
  std::string path_;
};

} // namespace linstub::fake
