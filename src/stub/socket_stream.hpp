// SPDX-License-Identifier: MIT
// SocketStream: one stream of the channel on its way to and from a unix socket of QEMU's.
//
// It holds at most one window of bytes for a socket that is slow to read, and reads from the
// socket only what the other side has room for.
#pragma once

#include "base/event_loop.hpp"
#include "wire/mux.hpp"

#include <functional>
#include <optional>
#include <vector>

namespace linstub::stub {

class SocketStream {
public:
  // How much dom0 may send ahead, in bytes.
  static constexpr uint32_t window = uint32_t{32} << 10;
  // While the channel has more than this to send, sockets wait.
  static constexpr size_t congested = size_t{64} << 10;

  // `changed` is called when there may be bytes to send, or when the stream has ended (finished());
  // it may destroy the SocketStream.
  SocketStream(base::EventLoop &loop, wire::Mux &mux, wire::StreamId id, base::Fd socket,
               std::function<void()> changed);

  void from_dom0(std::span<const std::byte> bytes);

  // Waits for what can be done now: call after credit has come, and after the channel has sent.
  void update();

  // From now on looks for the answer to a QMP command in what comes from QEMU.
  void await_reply() { replied_ = false; }
  [[nodiscard]] bool has_replied() const { return replied_.value_or(false); }

  // Whether QEMU's end is gone. The Mux has been told.
  [[nodiscard]] bool finished() const { return finished_; }

private:
  void ready(uint32_t events);
  void flush();
  void receive();
  void finish(std::string_view reason);

  base::EventLoop &loop_;
  wire::Mux &mux_;
  wire::StreamId id_;
  base::Fd socket_;
  std::function<void()> changed_;
  base::EventLoop::Handle watch_;
  uint32_t events_ = 0;
  std::vector<std::byte> pending_; // from dom0, not yet taken by the socket
  std::optional<bool> replied_;    // none: nobody has asked
  bool finished_ = false;
};

} // namespace linstub::stub
