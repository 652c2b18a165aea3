// SPDX-License-Identifier: MIT
// StubLink: the device model's tie to the stub domain that there is, and in an upgrade to the next
// one: what each has said last, the channel to it, and the rest of the first while its guest is
// suspended. It tells its owner what happens as Events of the device model's life (life.hpp).
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
    std::function<base::Result<>(Channel &channel)> on_next_channel;
  };

  // All must outlive it.
  StubLink(base::EventLoop &loop, broker::Host &host, Owner owner)
      : loop_(loop), host_(host), owner_(std::move(owner)) {}

  // There is a stub domain.
  void found(xen::DomId stub) { present_->stub = stub; }
  [[nodiscard]] const std::optional<xen::DomId> &stub() const { return present_->stub; }

  // linstub-init has said what it is doing.
  void heard(broker::StubWord word) { present_->word = word; }

  // What it was doing when it last said something: for who has waited in vain. `name` is the
  // guest's.
  [[nodiscard]] std::string last_words(const std::string &name) const;

  // It serves the channel: tells stub_failed when that breaks.
  base::Result<> connect(std::unique_ptr<xen::Transport> transport);

  // Null before connect(). It is there until forget(), also when it is broken.
  [[nodiscard]] Channel *channel() const { return present_->channel.get(); }

  // --- The next one: the same, but that next_failed is told ---

  void next_found(xen::DomId next) { next_->stub = next; }
  void next_heard(broker::StubWord word) { next_->word = word; }
  [[nodiscard]] std::string last_words_of_next(const std::string &name) const;
  base::Result<> connect_next(std::unique_ptr<xen::Transport> transport);
  [[nodiscard]] Channel *next_channel() const { return next_->channel.get(); }

  // It is the present one from now on; the one before is forgotten.
  void take_over();
  void forget_next();

  // --- The present one ---

  // Nothing is expected of it until its guest, which is suspended, goes on: rest() pauses it then,
  // unless wake() comes first.
  void let_rest() { rest_ = Rest::due; }
  void rest();
  [[nodiscard]] bool rests() const { return rest_ != Rest::none; }

  // Somebody is about to ask something of it.
  void wake();

  // It is going: nothing that comes from it counts any more. May be called from inside the channel,
  // which goes when the loop comes round.
  void forget();

private:
  base::EventLoop &loop_;
  broker::Host &host_;
  Owner owner_;
  struct Side {
    std::optional<xen::DomId> stub;
    std::optional<broker::StubWord> word;
    std::unique_ptr<Channel> channel;
  };
  base::Result<> connect(Side &side, std::unique_ptr<xen::Transport> transport);
  void forget(Side &side);
  [[nodiscard]] static std::string last_words(const Side &side, const std::string &domain);

  // Each is there for good, and so in the same place: take_over() changes which is which.
  std::unique_ptr<Side> present_ = std::make_unique<Side>();
  std::unique_ptr<Side> next_ = std::make_unique<Side>();
  enum class Rest : uint8_t { none, due, taken };
  Rest rest_ = Rest::none;
  std::vector<std::unique_ptr<Channel>> former_channels_; // until the loop comes round
  base::EventLoop::Handle forget_channels_;
};

} // namespace linstub::dm
