// SPDX-License-Identifier: MIT
// StubLink: the device model's tie to the stub domain that there is: what it has said last, the
// channel to it, and its rest while its guest is suspended. It tells its owner what happens as
// Events of the device model's life (life.hpp).
#pragma once

#include "base/event_loop.hpp"
#include "broker/host.hpp"
#include "dm/channel.hpp"
#include "dm/life.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace linstub::dm {

class StubLink {
public:
  struct Owner {
    std::function<void(Event event, const std::string &why)> happened;
    std::function<base::Result<>(Channel &channel)> on_channel; // its streams may be opened
  };

  // All must outlive it.
  StubLink(base::EventLoop &loop, broker::Host &host, Owner owner)
      : loop_(loop), host_(host), owner_(std::move(owner)) {}

  // There is a stub domain.
  void found(xen::DomId stub) { stub_ = stub; }
  [[nodiscard]] const std::optional<xen::DomId> &stub() const { return stub_; }

  // linstub-init has said what it is doing.
  void heard(broker::StubWord word) { word_ = word; }

  // What it was doing when it last said something: for who has waited in vain. `name` is the
  // guest's.
  [[nodiscard]] std::string last_words(const std::string &name) const;

  // It serves the channel: tells stub_failed when that breaks.
  base::Result<> connect(std::unique_ptr<xen::Transport> transport);

  // Null before connect(). It is there until forget(), also when it is broken.
  [[nodiscard]] Channel *channel() const { return channel_.get(); }

  // Nothing is expected of it until its guest, which is suspended, goes on: rest() pauses it then,
  // unless wake() comes first.
  void let_rest() { rest_ = Rest::due; }
  void rest();

  // Somebody is about to ask something of it.
  void wake();

  // It is going: nothing that comes from it counts any more. May be called from inside the channel,
  // which goes when the loop comes round.
  void forget();

private:
  base::EventLoop &loop_;
  broker::Host &host_;
  Owner owner_;
  std::optional<xen::DomId> stub_;
  std::optional<broker::StubWord> word_;
  enum class Rest : uint8_t { none, due, taken };
  Rest rest_ = Rest::none;
  std::unique_ptr<Channel> channel_;
  std::vector<std::unique_ptr<Channel>> former_channels_; // until the loop comes round
  base::EventLoop::Handle forget_channels_;
};

} // namespace linstub::dm
