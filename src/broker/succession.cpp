// SPDX-License-Identifier: MIT
#include "broker/succession.hpp"

#include "base/log.hpp"

#include <utility>

namespace linstub::broker {
namespace {

using base::Result;

constexpr base::Milliseconds retirement_timeout{5'000};

} // namespace

Result<> Succession::may_begin() const {
  if (made_ || next_ || former_ || settling_ || again_)
    return base::fail("the stub domain that was replaced before is still being removed: try again");
  return {};
}

void Succession::make(const plan::Description &description, int keeper_pipe, Created made) {
  if (auto may = may_begin(); !may)
    return made(std::unexpected(std::move(may).error()));
  made_ = std::move(made);
  context_.stubdom.create(description, keeper_pipe,
                          [this](const Result<xen::DomId> &next) { this->made(next); });
}

void Succession::made(const Result<xen::DomId> &next) {
  auto tell = std::exchange(made_, {});
  if (std::exchange(dropped_, false)) {
    tell(base::fail("it is not wanted any more"));
    if (settlement_)
      settle();
    return idle_();
  }
  Result<> followed;
  if (next) {
    next_ = *next;
    followed = watch_.follow(*next);
  }
  tell(followed ? next : std::unexpected(followed.error()));
  idle_();
}

Result<> Succession::look_whether_it_lives() {
  TRY(look_at_former());
  return watch_.look_whether_it_lives();
}

Result<> Succession::look_at_former() {
  if (!former_)
    return {};
  if (!TRY(context_.control.runs(*former_)))
    former_ended();
  return {};
}

void Succession::take_over(StubWatch &watch, xen::DomId former, plan::Description description) {
  if (!next_)
    return;
  watch.continue_as(watch_);
  settlement_ = Settlement{.stub = *std::exchange(next_, std::nullopt),
                           .description = std::move(description)};
  await_end(former);
}

void Succession::drop(Settlement settlement) {
  if (!made_ && !next_)
    return;
  settlement_ = std::move(settlement);
  if (made_) {
    dropped_ = true;
    return;
  }
  watch_.forget();
  await_end(*std::exchange(next_, std::nullopt));
}

void Succession::await_end(xen::DomId former) {
  former_ = former;
  patience_ = context_.loop.at(base::Deadline::after(retirement_timeout), [this, former] {
    base::log_warning("stub domain {} does not end by itself: it is removed all the same", former);
    former_ended();
  });
  base::log_failure(look_at_former(), base::LogLevel::warning); // it may have ended before
}

void Succession::former_ended() {
  patience_.reset();
  former_.reset();
  settle();
}

// A stub domain may do what it can to stay. Nobody else would try again.
void Succession::settle() {
  settling_ = true;
  context_.stubdom.settle(
      settlement_->stub, settlement_->description, [this](const Result<> &settled) {
        settling_ = false;
        if (settled) {
          pauses_.reset();
          settlement_.reset();
          return idle_();
        }
        base::log_warning("remove the other stub domain: {}", settled.error().message());
        if (settlement_) // else all are about to be removed
          again_ = context_.loop.at(base::Deadline::after(pauses_.next()), [this] {
            again_.reset();
            settle();
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
  settlement_.reset();
  again_.reset();
  dropped_ = static_cast<bool>(made_);
}

} // namespace linstub::broker
