// SPDX-License-Identifier: MIT
// Conversation: what linstub-dm says to the monitor of one QEMU, over a stream of the channel to
// its stub domain. Monitor has one at a time; during an upgrade a second one, with the next QEMU.
#pragma once

#include "base/event_loop.hpp"
#include "dm/channel.hpp"
#include "dm/paced_credit.hpp"
#include "qmp/session.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace linstub::dm {

class Conversation final : public Channel::Stream {
public:
  struct Owner {
    // QEMU has begun to serve; has an event; breaks the protocol. `from` is the conversation.
    std::function<void(const Conversation &from, qmp::Version version)> on_ready;
    std::function<void(const Conversation &from, const qmp::Event &event)> on_event;
    std::function<void(const Conversation &from, const std::string &why)> on_broken;
  };

  // The loop must outlive it.
  Conversation(base::EventLoop &loop, Owner owner);
  Conversation(const Conversation &) = delete;
  Conversation &operator=(const Conversation &) = delete;
  ~Conversation() override;

  // The channel must live until leave().
  base::Result<> connect(Channel &channel);

  // Ends it: commands without a reply fail with `why`. It may be what has called the caller, and so
  // must live until the loop comes round.
  void leave(std::string_view why);

  // As qmp::ClientSession::execute().
  base::Result<> ask(std::string_view name, std::string_view arguments,
                     qmp::ClientSession::Done done);

private:
  void on_accept() override { flush(); }
  void on_data(std::span<const std::byte> bytes) override;
  void on_credit() override { flush(); }
  void on_close(std::string_view reason) override;
  void flush();

  Owner owner_;
  qmp::ClientSession session_;
  Channel *channel_ = nullptr;
  wire::StreamId stream_ = 0;
  std::string to_qemu_;
  PacedCredit credit_;
};

} // namespace linstub::dm
