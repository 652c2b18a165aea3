// SPDX-License-Identifier: MIT
// KeptKeeper: the keeper of a linstub-dm that serves an event loop: it hears the loop turn, and a
// keeper that is gone, whoever ended it, is replaced; if that fails, it is tried again at each
// beat.
#pragma once

#include "base/event_loop.hpp"
#include "broker/keeper.hpp"

namespace linstub::broker {

class KeptKeeper {
public:
  KeptKeeper(base::EventLoop &loop, xen::DomId guest, Keeper keeper)
      : loop_(loop), guest_(guest), keeper_(std::move(keeper)) {}
  KeptKeeper(const KeptKeeper &) = delete;
  KeptKeeper &operator=(const KeptKeeper &) = delete;

  // From now on.
  base::Result<> keep();

  [[nodiscard]] int pipe() const { return keeper_.pipe(); }

  // As Keeper::dismiss(), and no other one takes its place.
  void dismiss();

private:
  base::Result<> watch();
  base::Result<> replace();
  void beat();

  base::EventLoop &loop_;
  xen::DomId guest_;
  Keeper keeper_;
  base::EventLoop::Handle end_watch_;
  base::EventLoop::Handle next_beat_;
};

} // namespace linstub::broker
