// SPDX-License-Identifier: MIT
#include "dm/saver.hpp"

#include "base/log.hpp"

#include <utility>

namespace linstub::dm {
namespace {

using base::Deadline;
using base::Milliseconds;
using base::Result;

// libxl gives each QMP command 10 s.
constexpr Milliseconds save_timeout{9'000};

constexpr std::string_view herald_of_save = "xen-set-global-dirty-log";

bool was_abandoned(const Result<SavedState> &state) {
  return !state && state.error().code() == ECANCELED;
}

} // namespace

StateSave::Context Saver::save_context() const {
  return {.loop = context_.loop,
          .channel = *context_.link.channel(),
          .monitors = context_.monitors,
          .host = context_.host};
}

bool Saver::serves() const {
  return context_.life.phase == Phase::serving && context_.link.channel() != nullptr;
}

void Saver::before_command(std::string_view command, std::string_view arguments) {
  if (command != herald_of_save || !serves())
    return;
  if (qmp::bool_member(arguments, "enable").value_or(false))
    mover_.expect(save_context(), [] {});
  else
    mover_.stop_expecting();
}

void Saver::save_for_toolstack(const qmp::Command &command, const base::Fd &target,
                               const Monitor::Answer &answer) {
  auto kept = base::duplicate(target); // the client may take its set away while QEMU saves
  if (!kept)
    return answer(std::unexpected(std::move(kept).error()));
  bool live = qmp::bool_member(command.arguments, "live").value_or(true);
  // The disk of a save that was just before may still be on its way out.
  mover_.when_idle([this, purpose = live ? SaveFor::elsewhere : SaveFor::snapshot,
                    deadline = Deadline::after(save_timeout),
                    file = std::make_shared<base::Fd>(std::move(*kept)),
                    answer] { begin_for_toolstack(purpose, deadline, file, answer); });
}

void Saver::begin_for_toolstack(SaveFor purpose, Deadline deadline,
                                const std::shared_ptr<base::Fd> &target,
                                const Monitor::Answer &answer) {
  if (!serves())
    return answer(base::fail("{}", being_replaced));
  context_.link.wake();
  auto started = mover_.save(
      save_context(), purpose, deadline,
      [this, purpose, answer](const Result<SavedState> &state) {
        if (state && purpose == SaveFor::elsewhere)
          context_.host.give_images();
        saved_for_toolstack(state, answer);
      },
      disk::StateCopy::Target{.file = std::move(*target), .form = context_.form});
  if (!started)
    answer(std::unexpected(std::move(started).error()));
}

void Saver::saved_for_toolstack(const Result<SavedState> &state, const Monitor::Answer &answer) {
  const bool abandoned = was_abandoned(state);
  if (state) {
    base::log_info("the state of the device model is saved: {} bytes", state->length);
    answer("{}");
  } else {
    base::log_error("save the state of the device model: {}", state.error().message());
    if (!abandoned)
      failed_(state.error().message());
    answer(std::unexpected(state.error()));
  }
  if (abandoned || !context_.link.stub())
    return;
  // The guest is suspended: so is its device model, when the disk has gone, until somebody asks
  // something of it.
  if (state)
    context_.link.let_rest();
  mover_.detach([this, stub = context_.link.stub()] {
    if (context_.life.phase == Phase::serving && context_.link.stub() == stub)
      context_.link.rest();
  });
}

// What QEMU is asked before that does not touch the images that whom the guest migrates to, on this
// host, may have.
void Saver::go_on(const broker::Done &done) {
  context_.link.wake();
  context_.host.take_images([this, done](const Result<> &taken) {
    if (!taken)
      return done(taken);
    auto sent = context_.monitors.ask("cont", "{}", [done](const qmp::Reply &reply) {
      done(reply.failed() ? Result<>(base::fail("{}", reply.error)) : Result<>());
    });
    if (!sent)
      done(sent);
  });
}

void Saver::prepare_for_upgrade(std::function<void()> ready) {
  mover_.expect(save_context(), std::move(ready));
}

Result<> Saver::save_for_upgrade(Deadline deadline, Saved done) {
  return mover_.save(save_context(), SaveFor::elsewhere, deadline,
                     [this, done = std::move(done)](const Result<SavedState> &state) {
                       if (was_abandoned(state))
                         return;
                       if (!state)
                         return saved_for_upgrade(std::unexpected(state.error()), done);
                       context_.host.keep_state(
                           [this, done, length = state->length](const Result<> &kept) {
                             saved_for_upgrade(kept.transform([length] { return length; }), done);
                           });
                     });
}

void Saver::saved_for_upgrade(const Result<uint64_t> &length, const Saved &done) {
  kept_ = length.has_value();
  if (!kept_ && context_.link.stub())
    mover_.detach([] {});
  done(length);
}

void Saver::drop() {
  if (std::exchange(kept_, false))
    mover_.detach([] {});
  else
    mover_.stop_expecting();
}

void Saver::arrived() {
  if (std::exchange(kept_, false))
    mover_.finish_restore();
}

} // namespace linstub::dm
