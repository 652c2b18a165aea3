// SPDX-License-Identifier: MIT
#include "broker/succession.hpp"

#include "base/log.hpp"

#include <algorithm>
#include <utility>

namespace linstub::broker {
namespace {

using base::Result;

// Between one attempt to remove a stub domain and the next: twice as long each time, up to the
// second.
constexpr base::Milliseconds first_pause{2'000};
constexpr base::Milliseconds longest_pause{60'000};
constexpr base::Milliseconds retirement_timeout{5'000};

} // namespace

Result<> Succession::may_begin() const {
  if (making_ || next_ || former_ || settling_ || again_)
    return base::fail("the stub domain that was replaced before is still being removed: try again");
  return {};
}

void Succession::make(const plan::Description &description, int keeper_pipe, Created made) {
  if (auto may = may_begin(); !may)
    return made(std::unexpected(std::move(may).error()));
  making_ = true;
  made_ = std::move(made);
  context_.stubdom.create(description, keeper_pipe,
                          [this](const Result<xen::DomId> &next) { this->made(next); });
}

void Succession::made(const Result<xen::DomId> &next) {
  making_ = false;
  auto tell = std::exchange(made_, {});
  if (auto dropped = std::exchange(dropped_, {})) {
    tell(base::fail("it is not wanted any more"));
    dropped();
    return idle_();
  }
  Result<> followed;
  if (next && tell) {
    next_ = *next;
    followed = watch_.follow(*next);
  }
  if (tell)
    tell(followed ? next : std::unexpected(followed.error()));
  idle_();
}

Result<> Succession::look_whether_it_lives() {
  if (former_) {
    auto info = TRY(context_.control.info(former_->domid));
    if (!info || info->dying || info->shutdown)
      former_ended();
  }
  return watch_.look_whether_it_lives();
}

void Succession::take_over(StubWatch &watch, xen::DomId former,
                           const plan::Description &description) {
  if (!next_)
    return;
  watch.continue_as(watch_);
  await_end(former, *std::exchange(next_, std::nullopt), description);
}

void Succession::await_end(xen::DomId former, xen::DomId stub,
                           const plan::Description &description) {
  former_ =
      Former{.domid = former, .ended = [this, stub, description] { settle(stub, description); }};
  patience_ = context_.loop.at(base::Deadline::after(retirement_timeout), [this] {
    base::log_warning("stub domain {} does not end by itself: it is removed all the same",
                      former_->domid);
    former_ended();
  });
}

void Succession::former_ended() {
  patience_.reset();
  std::exchange(former_, std::nullopt)->ended();
}

void Succession::drop(May next, xen::DomId stub, const plan::Description &description) {
  if (making_) {
    dropped_ = [this, stub, description] { settle(stub, description); };
    return;
  }
  if (!next_)
    return;
  watch_.forget();
  const xen::DomId dropped = *std::exchange(next_, std::nullopt);
  if (next == May::end_by_itself)
    return await_end(dropped, stub, description);
  base::log_failure(context_.control.pause(dropped), base::LogLevel::warning);
  settle(stub, description);
}

// A stub domain may do what it can to stay. Nobody else would try again.
void Succession::settle(xen::DomId stub, const plan::Description &description) {
  settling_ = true;
  context_.stubdom.settle(stub, description, [this, stub, description](const Result<> &settled) {
    settling_ = false;
    if (settled) {
      pause_ = {};
      return idle_();
    }
    base::log_warning("remove the other stub domain: {}", settled.error().message());
    pause_ = std::clamp(2 * pause_, first_pause, longest_pause);
    again_ = context_.loop.at(base::Deadline::after(pause_), [this, stub, description] {
      again_.reset();
      settle(stub, description);
    });
    idle_();
  });
}

// One that is being made is waited for with busy(): halfway it could not be found.
void Succession::forget() {
  watch_.forget();
  next_.reset();
  former_.reset();
  patience_.reset();
  again_.reset();
  if (making_)
    dropped_ = [] {};
}

} // namespace linstub::broker
