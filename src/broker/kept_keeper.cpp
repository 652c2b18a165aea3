// SPDX-License-Identifier: MIT
#include "broker/kept_keeper.hpp"

#include "base/log.hpp"
#include "broker/stubdom.hpp"

namespace linstub::broker {

base::Result<> KeptKeeper::keep() {
  TRY(watch());
  beat();
  return {};
}

void KeptKeeper::dismiss() {
  end_watch_.reset();
  next_beat_.reset();
  keeper_.dismiss();
}

base::Result<> KeptKeeper::watch() {
  end_watch_ = TRY(loop_.watch(keeper_.pidfd().get(), EPOLLIN, [this](uint32_t) {
    base::log_warning("the keeper has ended: starting another one");
    end_watch_.reset();
    base::log_failure(replace());
  }));
  return {};
}

base::Result<> KeptKeeper::replace() {
  keeper_ = TRY(Keeper::start(guest_, stubdom_program));
  auto watched = watch();
  if (!watched) // the next one takes its place; without a word it would take this one for dead
    keeper_.dismiss();
  return watched;
}

void KeptKeeper::beat() {
  if (!end_watch_)
    base::log_failure(replace());
  keeper_.beat();
  next_beat_ = loop_.at(base::Deadline::after(Pulse{}.interval), [this] { beat(); });
}

} // namespace linstub::broker
