// SPDX-License-Identifier: MIT
// MessageSocket: one end of the socket between the broker and the device model process.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"
#include "broker/message.hpp"

#include <optional>
#include <utility>

namespace linstub::broker {

class MessageSocket {
public:
  // Two ends, the first for the broker.
  static base::Result<std::pair<MessageSocket, MessageSocket>> make_pair();

  [[nodiscard]] const base::Fd &fd() const { return fd_; }
  [[nodiscard]] base::Fd release() { return std::move(fd_); }

  // The broker does not wait for the other side to read: an error, code EAGAIN, means that it has
  // not for a long time. The device model process waits.
  base::Result<> send(const Message &message) const;

  // The next message of the other side; nothing if there is none now. An error with code EPIPE when
  // it has ended; any other means that it breaks the protocol.
  base::Result<std::optional<Message>> receive() const;

private:
  MessageSocket(base::Fd fd, Sender us) : fd_(std::move(fd)), us_(us) {}

  base::Fd fd_;
  Sender us_;
};

} // namespace linstub::broker
