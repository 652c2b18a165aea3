// SPDX-License-Identifier: MIT
#include "broker/kept_keeper.hpp"

#include "base/log.hpp"
#include "broker/stubdom.hpp"

namespace linstub::broker {

base::Result<> KeptKeeper::keep() {
  beat();
  return watch();
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
    auto keeper = Keeper::start(guest_, stubdom_program);
    if (!keeper)
      return base::log_failure(keeper);
    keeper_ = std::move(*keeper);
    base::log_failure(watch());
  }));
  return {};
}

void KeptKeeper::beat() {
  keeper_.beat();
  next_beat_ = loop_.at(base::Deadline::after(Pulse{}.interval), [this] { beat(); });
}

} // namespace linstub::broker
