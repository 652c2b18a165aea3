// SPDX-License-Identifier: MIT
// Both ends of a QMP conversation, without any I/O: ServerSession is what a client in dom0 (libxl)
// talks to, ClientSession talks to QEMU. The owner moves bytes: what comes in goes to feed(), what
// take_output() gives has to be sent.
#pragma once

#include "qmp/message.hpp"

#include <functional>
#include <map>

namespace linstub::qmp {

// One connected client. It is greeted, and has to negotiate capabilities first, as with QEMU.
class ServerSession {
public:
  using Execute = std::function<void(const Command &command)>;

  // `execute` is called, from inside feed(), for every command after the negotiation. The answer
  // is due through success() or failure(), now or later, once for each.
  ServerSession(Version version, Execute execute);

  // An error means that the client is to be dropped.
  base::Result<> feed(std::span<const std::byte> bytes);

  void succeed(const Command &command, std::string_view result);
  void fail(const Command &command, std::string_view error_class, std::string_view text);
  void event(const Event &event);

  std::string take_output() { return std::exchange(output_, {}); }

private:
  Splitter splitter_{client_limits};
  Execute execute_;
  std::string output_;
  bool negotiated_ = false;
};

// The conversation with QEMU.
class ClientSession {
public:
  using Done = std::function<void(const Reply &reply)>;
  struct Listener {
    std::function<void(Version version)> on_ready; // greeting and negotiation are over
    std::function<void(const Event &event)> on_event;
  };
  static constexpr size_t most_pending = 64;

  explicit ClientSession(Listener listener) : listener_(std::move(listener)) {}

  // Sends a command; `done` is called, from inside feed(), with the reply. Fails before on_ready
  // and when too many commands have no reply yet.
  base::Result<> execute(std::string_view name, std::string_view arguments, Done done);

  // An error is a breach of the protocol: QEMU, or who speaks for it, is not to be trusted.
  base::Result<> feed(std::span<const std::byte> bytes);

  // QEMU is gone: every command that has no reply yet fails with `why`.
  void abandon(std::string_view why);

  std::string take_output() { return std::exchange(output_, {}); }

private:
  base::Result<> receive(const FromQemu &message);
  base::Result<> receive_reply(const Reply &reply);

  Splitter splitter_{qemu_limits};
  Listener listener_;
  std::string output_;
  std::map<uint64_t, Done> pending_;
  uint64_t last_id_ = 0;
  bool greeted_ = false;
  bool ready_ = false;
};

} // namespace linstub::qmp
