// SPDX-License-Identifier: MIT
#include "dm/upgrade.hpp"

#include "base/log.hpp"
#include "disk/copied_file.hpp"

#include <utility>

namespace linstub::dm {
namespace {

using base::Deadline;
using base::Milliseconds;
using base::Result;
using std::chrono::duration_cast;

// Nobody but the guest waits for these.
constexpr Milliseconds save_timeout{20'000};
constexpr Milliseconds pause_timeout{2'000};
constexpr Milliseconds shutdown_timeout{2'000};
// A guest that waits for its device model is waited for in turns of the event loop, and in each of
// them no longer than this.
constexpr Milliseconds pause_try{30};
constexpr Milliseconds between_looks{20};
constexpr Milliseconds retirement_timeout{10'000};

// The end in dom0 of a stream that carries nothing.
class Nobody final : public Channel::Stream {
  void on_accept() override {}
  void on_data(std::span<const std::byte>) override {}
  void on_credit() override {}
  void on_close(std::string_view) override {}
};
Nobody nobody;

} // namespace

Result<std::unique_ptr<Upgrade>> Upgrade::open(Context context, Owner owner) {
  std::unique_ptr<Upgrade> upgrade(new Upgrade(context, std::move(owner)));
  upgrade->requests_ = TRY(run::ControlSocket::open(
      context.loop, *context.plan.guest,
      [raw = upgrade.get()](const run::UpgradeRequest &request) { raw->asked(request); }));
  return upgrade;
}

void Upgrade::asked(const run::UpgradeRequest &request) {
  if (request.kind == run::UpgradeRequest::Kind::reset) {
    if (is_over(context_.life.phase) || !guest_has_run(context_.life))
      return refuse(base::format("there is no guest that could be reset: its device model is {}",
                                 phase_text(context_.life)));
    return owner_.happened(Event::reset_asked, {});
  }
  if (auto ready = prepare(request); !ready)
    return refuse(ready.error().message());
  owner_.happened(Event::upgrade_asked, {});
}

void Upgrade::refuse(std::string why) {
  requests_->say({.kind = run::ControlReply::Kind::error, .text = std::move(why)});
}

// All that can be known to fail fails here, before the guest notices anything.
Result<> Upgrade::prepare(const run::UpgradeRequest &request) {
  if (context_.life.phase != Phase::serving || context_.life.reset_asked || owner_.busy())
    return base::fail("the device model is busy ({}): try again", phase_text(context_.life));
  TRY(owner_.can_be_replaced());
  const plan::Plan &plan = context_.plan;
  std::string directory = request.image.empty() ? plan.settings.image : request.image;
  std::string xen = TRY(context_.control.release());
  next_image_.emplace(TRY(manifest::check_image(directory, xen)));
  for (const plan::CopiedFile &file : plan.files)
    TRY(disk::CopiedFile::prepare(file.disk.path, *plan.guest, file.disk.vdev + "-check")
            .transform_error(base::doing("the guest boots directly, and its files are needed")));
  auto guest = TRY(context_.control.info(*plan.guest));
  if (!guest || guest->dying || guest->shutdown)
    return base::fail("the guest does not run");
  return {};
}

Result<> Upgrade::save_state() {
  context_.saver.prepare_for_upgrade([this] {
    if (context_.life.phase != Phase::saving || context_.life.reset_asked)
      return;
    tell("pausing the guest and saving the state of its device model");
    held_since_ = base::Clock::now();
    hold_and_save(Deadline::after(pause_timeout));
  });
  return {};
}

void Upgrade::hold_and_save(Deadline deadline) {
  auto paused =
      context_.control.pause_between_requests(*context_.plan.guest, Deadline::after(pause_try));
  if (!paused && paused.error().code() == ETIMEDOUT && !deadline.passed()) {
    look_ = context_.loop.at(Deadline::after(between_looks), [this, deadline] {
      if (context_.life.phase == Phase::saving)
        hold_and_save(deadline);
    });
    return;
  }
  held_ = paused.has_value();
  if (paused)
    paused = ask_for_state();
  if (!paused)
    owner_.happened(Event::save_failed, paused.error().message());
}

Result<> Upgrade::ask_for_state() {
  TRY(context_.xenstore.resumed(*context_.plan.guest));
  // What the guest has left with QEMU without waiting for it (buffered requests) is in QEMU's event
  // queue; the first answer says that QEMU has been through that once, so that "stop" finds it
  // done.
  ask_in_turn({"query-status", "stop"}, [this] { save(); });
  return {};
}

// Each command when the one before has been answered; a refusal ends the upgrade.
void Upgrade::ask_in_turn(std::vector<std::string> commands, const std::function<void()> &then) {
  if (commands.empty())
    return then();
  std::string name = commands.front();
  commands.erase(commands.begin());
  deadline_ = context_.loop.at(Deadline::after(save_timeout), [this, name] {
    owner_.happened(Event::save_failed, base::format("QEMU has not answered to {} in time", name));
  });
  auto sent =
      context_.monitors.ask(name, "{}", [this, name, commands, then](const qmp::Reply &reply) {
        deadline_.reset();
        if (context_.life.phase != Phase::saving)
          return;
        if (reply.failed())
          return owner_.happened(Event::save_failed,
                                 base::format("QEMU refuses {}: {}", name, reply.error));
        ask_in_turn(commands, then);
      });
  if (!sent)
    owner_.happened(Event::save_failed, sent.error().message());
}

void Upgrade::save() {
  auto started = context_.saver.save_for_upgrade(
      Deadline::after(save_timeout), [this](Result<uint64_t> length) { saved(std::move(length)); });
  if (!started)
    owner_.happened(Event::save_failed, started.error().message());
}

void Upgrade::saved(Result<uint64_t> length) {
  if (!length)
    return owner_.happened(Event::save_failed, length.error().message());
  tell(base::format("{} bytes of state are saved; replacing the stub domain", *length));
  owner_.happened(Event::state_saved, {});
}

// linstub-init kills QEMU and takes its I/O request server away from the guest, which the end of
// its domain alone would not: Xen would go on to send it requests. QEMU is not told to quit,
// because on its way out it raises interrupts (it tells its NICs that their link is down).
Result<> Upgrade::retire_qemu() {
  deadline_ = context_.loop.at(Deadline::after(retirement_timeout), [this] {
    base::log_warning("the former stub domain does not end by itself: it is removed all the same");
    owner_.happened(Event::deadline, {});
  });
  TRY(context_.link.channel()->open(wire::Service::retire, 0, 1, nobody));
  return {};
}

manifest::Image Upgrade::take_image(manifest::Image former, const std::string &why) {
  if (context_.life.attempt == Attempt::fallback) {
    tell(base::format("the new stub domain has failed ({}); going back to the old image", why));
    return std::move(*previous_image_);
  }
  previous_image_.emplace(std::move(former));
  return std::move(*next_image_);
}

void Upgrade::resume_guest() {
  if (!std::exchange(held_, false))
    return;
  base::log_failure(context_.control.unpause(*context_.plan.guest));
}

Result<> Upgrade::reset_guest() {
  tell("shutting the guest down");
  TRY(context_.control.reboot(*context_.plan.guest));
  await_shutdown(Deadline::after(shutdown_timeout));
  return {};
}

// Nothing here depends on the stub domain: a QEMU that leaves a request of the guest's unanswered
// keeps it from shutting down, and so for two seconds at most.
void Upgrade::await_shutdown(Deadline deadline) {
  const xen::DomId guest = *context_.plan.guest;
  auto now = context_.control.info(guest);
  const bool runs = now && *now && !(*now)->dying && !(*now)->shutdown;
  if (runs && !deadline.passed()) {
    look_ = context_.loop.at(Deadline::after(between_looks), [this, deadline] {
      if (!is_over(context_.life.phase))
        await_shutdown(deadline);
    });
    return;
  }
  if (runs) {
    crashed_ = true;
    tell("the guest waits for its device model: it is crashed");
    base::log_failure(context_.control.crash(guest));
  }
  owner_.happened(Event::guest_reset, {});
}

void Upgrade::tell_done(xen::DomId stub, const manifest::Image &image) {
  auto held = duration_cast<Milliseconds>(base::Clock::now() - held_since_).count();
  forget_images();
  std::string text = base::format("guest {} is served by stub domain {} with image {} of Linstub "
                                  "{}; it was held for {} ms",
                                  context_.plan.name, std::to_string(xen::number(stub)),
                                  image.directory, image.identity.version, held);
  base::log_info("{}", text);
  requests_->say({.kind = run::ControlReply::Kind::done, .text = std::move(text)});
}

void Upgrade::tell_failed(const std::string &why) {
  forget_images();
  std::string text = base::format("guest {} was not upgraded: {}", context_.plan.name,
                                  why.empty() ? "it has ended" : why);
  if (context_.life.phase == Phase::serving)
    text += "; it runs on, with the image that it had";
  else if (context_.life.outcome == Outcome::failure)
    text += "; it has crashed, since it has no device model any more";
  requests_->say({.kind = run::ControlReply::Kind::error, .text = std::move(text)});
}

void Upgrade::tell_reset() {
  forget_images();
  if (const auto &stub = context_.link.stub()) {
    auto left = context_.control.info(*stub);
    if (left && *left && !(*left)->dying)
      return refuse(base::format("guest {} has shut down, but its stub domain could not be "
                                 "removed: xl destroy {}",
                                 context_.plan.name, *stub));
  }
  std::string text = base::format(
      "guest {} {}, and its stub domain is removed: whether both are made anew, {} in the guest's "
      "configuration decides",
      context_.plan.name,
      crashed_ ? "did not shut down and was crashed" : "has shut down for a reboot",
      crashed_ ? "on_crash" : "on_reboot");
  base::log_info("{}", text);
  requests_->say({.kind = run::ControlReply::Kind::done, .text = std::move(text)});
}

void Upgrade::tell(std::string progress) { requests_->say({.text = std::move(progress)}); }

void Upgrade::forget_images() {
  previous_image_.reset();
  next_image_.reset();
}

} // namespace linstub::dm
