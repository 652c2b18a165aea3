// SPDX-License-Identifier: MIT
#include "dm/saver.hpp"

#include "base/log.hpp"

#include <fcntl.h>

#include <utility>

namespace linstub::dm {
namespace {

using base::Deadline;
using base::Milliseconds;
using base::Result;

// libxl gives each QMP command 10 s.
constexpr Milliseconds save_timeout{9'000};

constexpr std::string_view herald_of_save = "xen-set-global-dirty-log";

Result<base::Fd> duplicate(const base::Fd &fd) {
  base::Fd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!copy)
    return base::fail_errno(errno, "keep a descriptor");
  return copy;
}

bool was_abandoned(const Result<SavedState> &state) {
  return !state && state.error().code() == ECANCELED;
}

} // namespace

StateSave::Context Saver::save_context() const {
  return {.loop = context_.loop,
          .channel = *context_.link.channel(),
          .monitors = context_.monitors,
          .xenstore = context_.xenstore,
          .guest = context_.guest,
          .stub = *context_.link.stub()};
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
    mover_.stop_expecting(*context_.link.stub());
}

void Saver::save_for_toolstack(const qmp::Command &command, const base::Fd &target,
                               const Monitor::Answer &answer) {
  auto kept = duplicate(target); // the client may take its set away while QEMU saves
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
      [this, answer](const Result<SavedState> &state) { saved_for_toolstack(state, answer); },
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
  mover_.detach(*context_.link.stub(), [this, stub = context_.link.stub()] {
    if (context_.life.phase == Phase::serving && context_.link.stub() == stub)
      context_.link.rest();
  });
}

void Saver::prepare_for_upgrade(std::function<void()> ready) {
  mover_.expect(save_context(), std::move(ready));
}

Result<> Saver::save_for_upgrade(Deadline deadline, Saved done) {
  return mover_.save(save_context(), SaveFor::elsewhere, deadline,
                     [this, done = std::move(done)](Result<SavedState> state) {
                       if (was_abandoned(state))
                         return;
                       auto length =
                           state.transform([](const SavedState &saved) { return saved.length; });
                       if (state)
                         state_.emplace(std::move(state->file));
                       else if (context_.link.stub())
                         mover_.detach(*context_.link.stub(), [] {});
                       done(std::move(length));
                     });
}

Result<> Saver::take(base::Fd saved) {
  state_.emplace(TRY(disk::StateFile::fill(context_.guest, saved)));
  return {};
}

bool Saver::arrived(uint32_t memory) {
  if (!state_)
    return false;
  state_.reset();
  mover_.finish_restore(*context_.link.stub(), memory);
  return true;
}

} // namespace linstub::dm
