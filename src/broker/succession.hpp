// SPDX-License-Identifier: MIT
// Succession: the stub domain that is to replace the one that there is, from when it is made to
// when it serves or is dropped; and the end of the other one of the two, which goes on in the
// background and is tried again until it is gone.
#pragma once

#include "base/backoff.hpp"
#include "base/event_loop.hpp"
#include "broker/stub_watch.hpp"
#include "broker/stubdom.hpp"
#include "plan/description.hpp"

#include <functional>
#include <optional>

namespace linstub::broker {

class Succession {
public:
  struct Context {
    base::EventLoop &loop;
    xen::Xenstore &xenstore;
    xen::Control &control;
    Stubdom &stubdom;
    xen::DomId guest;
  };
  using Created = std::function<void(base::Result<xen::DomId> next)>;

  // How it is to be in the end: the guest has this stub domain, which has the names that the
  // description has, and no other one.
  struct Settlement {
    xen::DomId stub{};
    plan::Description description;
  };

  // All in the context must outlive it. `next` is told what the next one says, and `idle` when
  // busy() is over.
  Succession(Context context, StubWatch::Owner next, std::function<void()> idle)
      : context_(context), idle_(std::move(idle)),
        watch_(context.xenstore, context.control, context.guest, std::move(next)) {}

  // It is being made, or the other one is being removed: a removal of all has to wait.
  [[nodiscard]] bool busy() const { return made_ || settling_; }

  // The last removal has failed; another attempt follows.
  [[nodiscard]] bool failed() const { return static_cast<bool>(again_); }

  // Nothing of a former one is left. Else an error says so.
  [[nodiscard]] base::Result<> may_begin() const;

  // Makes it. `made` is called once, now or later; a dropped one is an error.
  void make(const plan::Description &description, int keeper_pipe, Created made);

  // The one that is there, and counts.
  [[nodiscard]] const std::optional<xen::DomId> &next() const { return next_; }

  // As for StubWatch.
  void look() { watch_.look(); }
  base::Result<> look_whether_it_lives();

  // It is the guest's stub domain from now on, and `watch` goes on with what it says. The `former`
  // one is removed. It has a moment to end by itself before, so that it takes its QEMU's I/O
  // request server away from the guest: only it can, and Xen would keep the domain for the sake of
  // that.
  void take_over(StubWatch &watch, xen::DomId former, plan::Description description);

  // It is not, and is removed, with a moment as above.
  void drop(Settlement settlement);

  // All are about to be removed.
  void forget();

private:
  void made(const base::Result<xen::DomId> &next);
  base::Result<> look_at_former();
  void await_end(xen::DomId former);
  void former_ended();
  void settle();

  Context context_;
  std::function<void()> idle_;
  StubWatch watch_;
  Created made_;                         // who waits for the one that is being made
  bool dropped_ = false;                 // which is not wanted any more
  std::optional<xen::DomId> next_;       // the one that there is
  std::optional<xen::DomId> former_;     // one that is to end by itself
  base::EventLoop::Handle patience_;     // with it
  std::optional<Settlement> settlement_; // that is due
  bool settling_ = false;                // linstub-stubdom is at it
  base::EventLoop::Handle again_;        // the next attempt at it
  base::Backoff pauses_;
};

} // namespace linstub::broker
