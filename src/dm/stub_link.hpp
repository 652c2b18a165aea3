// SPDX-License-Identifier: MIT
// StubLink: linstub-dm's tie to the stub domain that there is: what it says in xenstore, whether it
// still lives, the channel to it, and its rest while its guest is suspended. It tells its owner
// what happens as Events of the device model's life (life.hpp).
//
// All that it reads from the stub domain is hostile: bounded, and compared with known words.
#pragma once

#include "base/event_loop.hpp"
#include "dm/channel.hpp"
#include "dm/life.hpp"
#include "xen/control.hpp"
#include "xen/xenstore.hpp"

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::dm {

class StubLink {
public:
  // The tokens of the watches that follow() sets: the first asks for look(), the second for
  // look_whether_it_lives().
  static constexpr const char *words_token = "stub";
  static constexpr const char *life_token = "domains";

  struct Owner {
    std::function<void(Event event, const std::string &why)> happened;
    std::function<base::Result<>(Channel &channel)> on_channel; // its streams may be opened
  };

  // All must outlive it.
  StubLink(base::EventLoop &loop, xen::Xenstore &xenstore, xen::Control &control, xen::DomId guest,
           Owner owner)
      : loop_(loop), xenstore_(xenstore), control_(control), guest_(guest),
        owner_(std::move(owner)) {}

  // There is a stub domain.
  void found(xen::DomId stub) { stub_ = stub; }
  [[nodiscard]] const std::optional<xen::DomId> &stub() const { return stub_; }

  // It runs: watches what it says and whether it lives.
  base::Result<> follow();

  // Looks at what it says: tells stub_failed and qemu_runs, and connects the channel as soon as it
  // is served.
  base::Result<> look();

  // Tells stub_gone.
  base::Result<> look_whether_it_lives();

  // What it was doing when it last said something: for who has waited in vain. `name` is the
  // guest's.
  [[nodiscard]] std::string last_words(const std::string &name) const;

  // Null before the stub domain serves it. It is there until forget(), also when it is broken.
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
  struct Watched {
    std::string path;
    const char *token;
  };
  [[nodiscard]] std::array<Watched, 3> watched() const;
  base::Result<> connect();

  base::EventLoop &loop_;
  xen::Xenstore &xenstore_;
  xen::Control &control_;
  xen::DomId guest_;
  Owner owner_;
  std::optional<xen::DomId> stub_;
  bool followed_ = false;
  std::string word_;       // what linstub-init has said last: one of its five words
  bool qemu_runs_ = false; // QEMU has said so
  enum class Rest : uint8_t { none, due, taken };
  Rest rest_ = Rest::none;
  std::unique_ptr<Channel> channel_;
  std::vector<std::unique_ptr<Channel>> former_channels_; // until the loop comes round
  base::EventLoop::Handle forget_channels_;
};

} // namespace linstub::dm
