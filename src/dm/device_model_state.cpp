// What moves QEMU's state: save for the toolstack, restore, upgrade.
#include "base/log.hpp"
#include "dm/device_model.hpp"
#include "plan/stub_plan.hpp"

#include <fcntl.h>

namespace linstub::dm {
namespace {

using base::Deadline;
using base::Milliseconds;
using base::Result;
using std::chrono::duration_cast;

// libxl gives each QMP command 10 s.
constexpr Milliseconds longest_save{9'000};
// Nobody but the guest waits here.
constexpr Milliseconds longest_upgrade_save{20'000};
constexpr Milliseconds longest_pause{2'000};
constexpr Milliseconds longest_retirement{10'000};

// The end in dom0 of a stream that carries nothing.
class Nobody final : public Channel::Stream {
  void on_accept() override {}
  void on_data(std::span<const std::byte>) override {}
  void on_credit() override {}
  void on_close(std::string_view) override {}
};
Nobody nobody;

Result<base::Fd> duplicate(const base::Fd &fd) {
  base::Fd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!copy)
    return base::fail_errno(errno, "keep a descriptor");
  return copy;
}

} // namespace

void DeviceModel::execute(const qmp::Command &command, base::Fd received,
                          const Monitors::Answer &answer) {
  if (command.name == "query-vnc")
    return answer(services_->query_vnc());
  if (command.name == "query-chardev")
    return answer(services_->query_chardev());
  if (command.name == "add-fd") {
    if (!received)
      return answer(base::fail("No file descriptor supplied via SCM_RIGHTS"));
    std::string opaque = qmp::string_member(command.arguments, "opaque").value_or("");
    auto number = fd_sets_.add(std::move(received), std::move(opaque));
    return answer(number.transform(
        [](uint32_t set) { return base::format(R"({{"fdset-id":{},"fd":{}}})", set, set); }));
  }
  if (command.name == "remove-fd") {
    auto number = qmp::number_member(command.arguments, "fdset-id");
    auto removed = fd_sets_.remove(number.value_or(UINT64_MAX));
    return answer(removed.transform([] { return std::string("{}"); }));
  }
  if (command.name == "xen-save-devices-state") {
    if (auto started = save_for_toolstack(command, answer); !started)
      answer(std::unexpected(std::move(started).error()));
    return;
  }
  if (command.name == "eject" || command.name == "blockdev-change-medium") {
    if (life_.phase != Phase::serving)
      return answer(base::fail("the device model is being replaced"));
    wake();
    return command.name == "eject" ? media_->eject(*stub_, command.arguments, answer)
                                   : media_->change(*stub_, command.arguments, answer);
  }
  answer(base::fail("linstub-dm does not know the command"));
}

StateSave::Context DeviceModel::save_context() {
  return {.loop = loop_,
          .channel = *channel_,
          .monitors = services_->monitors(),
          .xenstore = xenstore_,
          .guest = guest_,
          .stub = *stub_};
}

Result<> DeviceModel::save_for_toolstack(const qmp::Command &command,
                                         const Monitors::Answer &answer) {
  if (life_.phase != Phase::serving)
    return base::fail("the device model is being replaced");
  std::string filename = qmp::string_member(command.arguments, "filename").value_or("");
  const FdSets::Entry *passed = TRY(fd_sets_.find(filename));
  auto target = std::make_shared<base::Fd>(TRY(duplicate(passed->fd)));
  bool live = qmp::bool_member(command.arguments, "live").value_or(true);
  // The disk of a save that was just before may still be on its way out.
  Deadline deadline = Deadline::after(longest_save);
  mover_->when_idle([this, target, live, deadline, answer] {
    wake();
    auto started = mover_->save(save_context(), live ? SaveFor::elsewhere : SaveFor::snapshot,
                                deadline, [this, target, answer](Result<disk::StateFile> state) {
                                  saved_for_toolstack(std::move(state), *target, answer);
                                });
    if (!started)
      answer(std::unexpected(std::move(started).error()));
  });
  return {};
}

void DeviceModel::saved_for_toolstack(Result<disk::StateFile> state, const base::Fd &target,
                                      const Monitors::Answer &answer) {
  Result<uint64_t> copied =
      state ? state->copy_to(target) : std::unexpected(std::move(state).error());
  if (copied) {
    base::log_info("the state of the device model is saved: {} bytes", *copied);
    answer("{}");
  } else {
    base::log_error("save the state of the device model: {}", copied.error().message());
    last_error_ = copied.error().message();
    answer(std::unexpected(copied.error()));
  }
  if (!stub_)
    return;
  // The guest is suspended: so is its device model, when the disk has gone, until somebody asks
  // something of it.
  rest_ = copied ? Rest::due : Rest::none;
  mover_->detach(*stub_, [this, stub = *stub_] {
    if (rest_ != Rest::due || stub_ != stub || life_.phase != Phase::serving)
      return;
    if (auto paused = control_.pause(stub); !paused)
      return base::log_warning("{}", paused.error().message());
    rest_ = Rest::taken;
  });
  tell_status();
}

// The disk takes longer to plug than the state to move.
void DeviceModel::expect_save() {
  if (life_.phase == Phase::serving && channel_ && stub_)
    mover_->expect(save_context(), [] {});
}

void DeviceModel::wake() {
  if (std::exchange(rest_, Rest::none) != Rest::taken || !stub_)
    return;
  if (auto woken = control_.unpause(*stub_); !woken)
    base::log_error("{}", woken.error().message());
}

// QEMU runs with its state: the disk that has brought it has done its work.
void DeviceModel::state_arrived() {
  if (!state_)
    return;
  state_.reset();
  status_.memory -= plan::memory_to_restore(plan_);
  mover_->settle(*stub_, status_.memory);
}

void DeviceModel::upgrade_asked(const run::UpgradeRequest &request) {
  auto ready = prepare_upgrade(request);
  if (!ready)
    return requests_->say(
        {.kind = run::ControlReply::Kind::error, .text = ready.error().message()});
  happened(Event::upgrade_asked);
}

// All that can be known to fail fails here, before the guest notices anything.
Result<> DeviceModel::prepare_upgrade(const run::UpgradeRequest &request) {
  if (life_.phase != Phase::serving || mover_->busy() || media_->busy() || renaming_)
    return base::fail("the device model is busy ({}): try again", status_.phase);
  std::string directory = request.image.empty() ? plan_.settings.image : request.image;
  std::string xen = TRY(control_.release());
  next_image_.emplace(TRY(manifest::check_image(directory, xen)));
  for (const plan::CopiedFile &file : plan_.files)
    TRY(disk::FileDisk::prepare(file.disk.path, guest_, file.disk.vdev + "-check")
            .transform_error(base::doing("the guest boots directly, and its files are needed")));
  auto guest = TRY(control_.info(guest_));
  if (!guest || guest->dying || guest->shutdown)
    return base::fail("the guest does not run");
  return {};
}

Result<> DeviceModel::save_state() {
  mover_->expect(save_context(), [this] {
    if (life_.phase != Phase::saving)
      return;
    if (auto saving = hold_and_save(); !saving)
      happened(Event::save_failed, saving.error().message());
  });
  return {};
}

Result<> DeviceModel::hold_and_save() {
  requests_->say({.text = "pausing the guest and saving the state of its device model"});
  held_since_ = base::Clock::now();
  TRY(control_.pause_between_requests(guest_, Deadline::after(longest_pause)));
  held_ = true;
  TRY(xenstore_.resumed(guest_));
  // What the guest has left with QEMU without waiting for it (buffered requests) is in QEMU's event
  // queue; the first answer says that QEMU has been through that once, so that "stop" finds it
  // done.
  ask_in_turn({"query-status", "stop"}, [this] {
    auto started = mover_->save(
        save_context(), SaveFor::elsewhere, Deadline::after(longest_upgrade_save),
        [this](Result<disk::StateFile> state) {
          auto length = state.and_then([](const disk::StateFile &file) { return file.check(); });
          if (!length) {
            if (stub_)
              mover_->detach(*stub_, [] {});
            return happened(Event::save_failed, length.error().message());
          }
          state_.emplace(std::move(*state));
          requests_->say({.text = base::format("{} bytes of state are saved; replacing the stub "
                                               "domain",
                                               *length)});
          happened(Event::state_saved);
        });
    if (!started)
      happened(Event::save_failed, started.error().message());
  });
  return {};
}

// Each command when the one before has been answered; a refusal ends the upgrade.
void DeviceModel::ask_in_turn(std::vector<std::string> commands,
                              const std::function<void()> &then) {
  if (commands.empty())
    return then();
  std::string name = commands.front();
  commands.erase(commands.begin());
  deadline_ = loop_.at(Deadline::after(longest_upgrade_save), [this, name] {
    happened(Event::save_failed, base::format("QEMU has not answered to {} in time", name));
  });
  auto sent =
      services_->monitors().ask(name, "{}", [this, name, commands, then](const qmp::Reply &reply) {
        deadline_.reset();
        if (life_.phase != Phase::saving)
          return;
        if (reply.failed())
          return happened(Event::save_failed,
                          base::format("QEMU refuses {}: {}", name, reply.error));
        ask_in_turn(commands, then);
      });
  if (!sent)
    happened(Event::save_failed, sent.error().message());
}

// linstub-init kills QEMU and takes its I/O request server away from the guest, which the end of
// its domain alone would not: Xen would go on to send it requests. QEMU is not told to quit,
// because on its way out it raises interrupts (it tells its NICs that their link is down).
void DeviceModel::retire_qemu() {
  deadline_ = loop_.at(Deadline::after(longest_retirement), [this] {
    base::log_warning("the former stub domain does not end by itself: it is removed all the same");
    happened(Event::deadline);
  });
  auto asked = channel_->open(wire::Service::retire, 0, 1, nobody);
  if (!asked)
    happened(Event::stub_failed, asked.error().message());
}

Result<> DeviceModel::create_next(manifest::Image image) {
  previous_image_.emplace(std::move(image_));
  image_ = std::move(image);
  taps_ = plan::Taps::join;
  if (life_.attempt == Attempt::fallback)
    requests_->say({.text = base::format("the new stub domain has failed ({}); going back to the "
                                         "old image",
                                         last_error_)});
  return create_stub_domain();
}

void DeviceModel::resume_guest() {
  deadline_.reset();
  if (std::exchange(held_, false)) {
    if (auto resumed = control_.unpause(guest_); !resumed)
      base::log_error("{}", resumed.error().message());
  }
  state_arrived();
}

void DeviceModel::tell_upgraded() {
  auto held = duration_cast<Milliseconds>(base::Clock::now() - held_since_).count();
  previous_image_.reset();
  next_image_.reset();
  last_error_.clear();
  std::string text = base::format("guest {} is served by stub domain {} with image {} of Linstub "
                                  "{}; it was held for {} ms",
                                  plan_.name, std::to_string(xen::number(*stub_)), image_.directory,
                                  image_.identity.version, held);
  base::log_info("{}", text);
  requests_->say({.kind = run::ControlReply::Kind::done, .text = std::move(text)});
}

void DeviceModel::tell_not_upgraded() {
  previous_image_.reset();
  next_image_.reset();
  std::string text = base::format("guest {} was not upgraded: {}", plan_.name,
                                  last_error_.empty() ? "it has ended" : last_error_);
  if (life_.phase == Phase::serving)
    text += "; it runs on, with the image that it had";
  else if (life_.outcome == Outcome::failure)
    text += "; it has crashed, since it has no device model any more";
  requests_->say({.kind = run::ControlReply::Kind::error, .text = std::move(text)});
}

} // namespace linstub::dm
