// SPDX-License-Identifier: MIT
#include "dm/state_mover.hpp"

#include "base/log.hpp"

#include <utility>

namespace linstub::dm {
namespace {

// Between the sign of a save and the request. A live migration copies the guest's memory first, and
// may take longer: then the disk is plugged again when the state is asked for.
constexpr base::Milliseconds expectation_timeout{60'000};

} // namespace

void StateMover::expect(const StateSave::Context &context, StateSave::Ready ready) {
  if (busy())
    return ready();
  if (save_ && save_->ready())
    return ready();
  if (!save_) {
    if (auto plugging = plug(context); !plugging) {
      base::log_warning("prepare a save: {}", plugging.error().message());
      return ready();
    }
    expectation_ =
        loop_.at(base::Deadline::after(expectation_timeout), [this] { stop_expecting(); });
  }
  ready_.push_back(std::move(ready));
}

void StateMover::stop_expecting() {
  if (busy() || !save_)
    return;
  expectation_.reset();
  save_.reset();
  detach([this] { tell_ready(); });
}

base::Result<> StateMover::plug(const StateSave::Context &context) {
  save_ = TRY(StateSave::start(
      context, [this] { tell_ready(); },
      [this](base::Result<SavedState> state) { plugged(std::move(state)); }));
  return {};
}

base::Result<> StateMover::save(StateSave::Context context, SaveFor purpose,
                                base::Deadline deadline, StateSave::Done done,
                                StateSave::Target target) {
  if (busy())
    return base::fail("the state of the device model is being moved already");
  if (!save_)
    TRY(plug(context));
  expectation_.reset();
  wanted_ = std::move(done);
  save_->save(purpose, deadline, std::move(target));
  return {};
}

// What a save has come to, or the preparation of one.
void StateMover::plugged(base::Result<SavedState> state) {
  save_.reset();
  expectation_.reset();
  if (auto wanted = std::exchange(wanted_, {})) {
    wanted(std::move(state));
    tell_ready();
    return tell_idle();
  }
  // It was only expected, and cannot be: a save that does come begins from the start.
  base::log_warning("prepare a save: {}", state ? "nobody has asked" : state.error().message());
  detach([this] { tell_ready(); });
}

void StateMover::tell_ready() {
  for (const StateSave::Ready &ready : std::exchange(ready_, {}))
    ready();
}

void StateMover::detach(const std::function<void()> &done) {
  detaching_ = true;
  host_.unplug_state([this, done](const base::Result<> &result) { detached(result, done); });
}

void StateMover::finish_restore() {
  detaching_ = true;
  host_.finish_restore([this](const base::Result<> &result) { detached(result, [] {}); });
}

void StateMover::detached(const base::Result<> &result, const std::function<void()> &done) {
  detaching_ = false;
  if (!result)
    base::log_error("detach the state disk: {}", result.error().message());
  done();
  tell_idle();
}

void StateMover::abandon() {
  expectation_.reset();
  save_.reset();
  tell_ready();
  if (auto wanted = std::exchange(wanted_, {}))
    wanted(std::unexpected(base::Error("the stub domain is going", ECANCELED)));
  tell_idle();
}

void StateMover::when_idle(std::function<void()> then) {
  waiters_.add(std::move(then));
  tell_idle();
}

void StateMover::tell_idle() {
  waiters_.tell([this] { return !busy(); });
}

} // namespace linstub::dm
