// SPDX-License-Identifier: MIT
#include "dm/device_model.hpp"

#include "base/log.hpp"
#include "qmp/message.hpp"

#include <utility>

namespace linstub::dm {
namespace {

using base::Deadline;
using base::Milliseconds;
using base::Result;

// libxl waits for 60 s in all; what is left is for removing the stub domain and for saying why.
constexpr Milliseconds start_timeout{48'000};

// Whoever destroys a guest waits for its device model's end.
constexpr Milliseconds flush_timeout{2'000};

} // namespace

DeviceModel::DeviceModel(base::EventLoop &loop, plan::Plan plan, broker::Host &host)
    : loop_(loop), plan_(std::move(plan)), host_(host), changes_(host),
      link_(
          loop, host,
          {.happened = [this](Event event, const std::string &why) { happened(event, why); },
           .on_channel = [this](Channel &channel) { return services_->connect(channel); },
           .on_next_channel = [this](Channel &channel) { return upgrade_->meet_next(channel); }}) {
  // With -S QEMU says "running" only when libxl lets it go on.
  life_.qemu_runs = plan_.start == plan::Start::paused;
}

Result<std::unique_ptr<DeviceModel>> DeviceModel::open(base::EventLoop &loop, plan::Plan plan,
                                                       broker::Host &host) {
  std::unique_ptr<DeviceModel> model(new DeviceModel(loop, std::move(plan), host));
  TRY(model->open_parts());
  return model;
}

Result<> DeviceModel::open_parts() {
  services_ = TRY(GuestServices::open(loop_, plan_, monitors_owner()));
  Monitor &monitors = services_->monitors();
  saver_ = std::make_unique<Saver>(Saver::Context{.loop = loop_,
                                                  .host = host_,
                                                  .life = life_,
                                                  .link = link_,
                                                  .monitors = monitors,
                                                  .form = plan_.settings.saved_form},
                                   [this](const std::string &why) {
                                     last_error_ = why;
                                     host_.tell_status(phase_text(life_), last_error_);
                                   });
  if (plan_.incoming >= 0)
    saver_->expect_arrival();
  media_ = std::make_unique<Media>(loop_, host_, monitors);
  upgrade_ = std::make_unique<Upgrade>(
      Upgrade::Context{.loop = loop_,
                       .name = plan_.name,
                       .nics = plan_.nics,
                       .life = life_,
                       .host = host_,
                       .link = link_,
                       .saver = *saver_,
                       .monitors = monitors},
      Upgrade::Owner{
          .happened = [this](Event event, const std::string &why) { happened(event, why); },
          .busy = [this] { return saver_->busy() || media_->busy(); },
          .can_be_replaced = [this] { return changes_.can_be_replaced(); },
          .change_over = [this](Channel &next) { return services_->change_over(next); }});
  commands_ = std::make_unique<Commands>(life_, link_, *services_, *saver_, *media_);
  return {};
}

void DeviceModel::start() {
  create();
  host_.tell_status(phase_text(life_), last_error_);
}

Result<> DeviceModel::outcome() const {
  if (life_.outcome == Outcome::failure)
    return base::fail("{}", cause_);
  return {};
}

Monitor::Owner DeviceModel::monitors_owner() {
  return {
      .execute =
          [this](const qmp::Command &command, base::Fd received, const Monitor::Answer &answer) {
            commands_->execute(command, std::move(received), answer);
          },
      .keeps =
          [this](qmp::Leaves leaves) {
            return services_->keeps_password() &&
                   (leaves == qmp::Leaves::password || leaves == qmp::Leaves::expiry);
          },
      .before_qemu =
          [this](std::string_view command, std::string_view arguments) {
            link_.wake();
            saver_->before_command(command, arguments);
          },
      .may_change = [this](qmp::Leaves leaves) -> Result<> {
        const bool too_late =
            is_upgrading(life_) && (leaves != qmp::Leaves::moment || !serves(life_.phase));
        return too_late ? base::fail("{}", being_replaced) : Result<>();
      },
      .changed = [this](const qmp::Command &command,
                        qmp::Leaves leaves) { changes_.done(command, leaves); },
      .deleted = [this](const std::string &id) { changes_.deleted(id); },
      .on_event = [this](const qmp::Event &event) { upgrade_->qemu_says(event); },
      .on_ready =
          [this] {
            repeat_changes();
            happened(Event::monitor_ready);
          },
      .on_broken = [this](const std::string &why) { happened(Event::stub_failed, why); },
      .attach = [this](const std::string &arguments,
                       broker::Done done) { attach_pci(arguments, std::move(done)); },
      .taken =
          [this](const std::string &id) {
            pci_taken_.insert(id);
            host_.pci_taken(id);
          },
      .give_back =
          [this](const std::string &id) {
            pci_taken_.erase(id);
            host_.give_back_pci(id);
          },
      .settle = [this](const std::string &listed,
                       broker::Done then) { settle_pci(listed, std::move(then)); }};
}

// To a QEMU that knows nothing of it yet.
void DeviceModel::repeat_changes() {
  for (const qmp::Command &command : changes_.to_repeat()) {
    auto sent = services_->monitors().ask(
        command.name, command.arguments, [name = command.name](const qmp::Reply &reply) {
          if (reply.failed())
            base::log_error("the new QEMU refuses {}: {}", name, reply.error);
        });
    base::log_failure(sent);
  }
}

void DeviceModel::attach_pci(const std::string &arguments, broker::Done done) {
  auto id = qmp::string_member(arguments, "id");
  auto address = qmp::string_member(arguments, "hostaddr");
  if (!id || !address)
    return done(base::fail("a PCI device is passed through with an id and a hostaddr"));
  host_.attach_pci(*id, *address, std::move(done));
}

// Of QEMU's list, only what the host can have given it counts.
void DeviceModel::settle_pci(const std::string &listed, broker::Done then) {
  std::vector<std::string> known = qmp::listed_pci_devices(listed);
  std::erase_if(known, [this](const std::string &id) { return !pci_taken_.contains(id); });
  host_.settle_pci(known, std::move(then));
}

// --- What has happened, and what follows ---------------------------------------------------------

void DeviceModel::happened(Event event, const std::string &why) {
  // A QEMU that is ended takes its channel with it.
  if (!why.empty() && life_.phase == Phase::retiring) {
    base::log_debug("{}", why);
  } else if (!why.empty()) {
    base::log_error("{}", why);
    last_error_ = why;
  }
  Phase before = life_.phase;
  if (event == Event::upgrade_asked) // if it ends badly, that is not why
    last_error_.clear();
  Step next = step(life_, event);
  life_ = next.next;
  if (life_.phase != before)
    base::log_debug("{}", phase_text(life_));
  if (life_.phase == Phase::ending && before != Phase::ending && life_.outcome == Outcome::failure)
    cause_ = last_error_;
  for (Action action : next.actions)
    perform(action);
  host_.tell_status(phase_text(life_), last_error_);
}

void DeviceModel::perform(Action action) {
  Result<> done;
  Event if_not = Event::stub_failed;
  switch (action) {
  case Action::follow_stub_domain: // the host does
    return;
  case Action::announce:
    return announce();
  case Action::crash_guest:
    return host_.crash_guest();
  case Action::remove_stub_domain:
    return remove_stub_domain();
  case Action::remove_again:
    return remove_again();
  case Action::flush_disks:
    return flush_disks();
  case Action::create_next:
    return upgrade_->create_next();
  case Action::save_state:
    done = upgrade_->save_state();
    if_not = Event::save_failed;
    break;
  case Action::feed_next:
    return upgrade_->feed_next();
  case Action::start_next:
    return upgrade_->start_next();
  case Action::take_over:
    return take_over();
  case Action::drop_next:
    return upgrade_->drop_next();
  case Action::retire_qemu:
    done = upgrade_->retire_qemu();
    break;
  case Action::resume_guest:
    return resume_guest();
  case Action::resume_qemu:
    done = upgrade_->resume();
    break;
  case Action::tell_upgraded:
    last_error_.clear();
    return upgrade_->tell_done();
  case Action::tell_not_upgraded:
    return upgrade_->tell_failed(last_error_);
  case Action::reset_guest:
    return upgrade_->reset_guest();
  case Action::tell_reset:
    return upgrade_->tell_reset();
  case Action::finish:
    return loop_.stop();
  }
  if (!done)
    happened(if_not, done.error().message());
}

// --- The life of a stub domain -------------------------------------------------------------------

void DeviceModel::create() {
  start_deadline_ = loop_.at(Deadline::after(start_timeout), [this] {
    happened(Event::deadline,
             base::format("the stub domain was not ready within {} s: {}",
                          start_timeout.count() / 1000, link_.last_words(plan_.name)));
  });
  host_.create(broker::Which::first, [this](const Result<xen::DomId> &stub) { created(stub); });
}

void DeviceModel::created(const Result<xen::DomId> &stub) {
  if (life_.phase != Phase::creating) // it is removed already
    return;
  if (!stub)
    return happened(Event::creation_failed,
                    base::format("make the stub domain: {}", stub.error().message()));
  link_.found(*stub);
  happened(Event::created);
}

void DeviceModel::announce() {
  start_deadline_.reset();
  saver_->arrived();
  host_.announce();
}

// "stop" does that, and QEMU does not touch the guest any more. One that rests was stopped when its
// state was saved.
void DeviceModel::flush_disks() {
  flush_deadline_ = loop_.at(Deadline::after(flush_timeout), [this] {
    base::log_warning("QEMU does not write back in time what it has cached of the disks");
    happened(Event::deadline);
  });
  // Not from here: this may be in the middle of a reply, or of what has asked for it.
  auto flushed = [this] {
    if (life_.phase == Phase::flushing)
      flush_deadline_ = loop_.soon([this] { happened(Event::flushed); });
  };
  if (link_.rests() ||
      !services_->monitors().ask("stop", "{}", [flushed](const qmp::Reply &) { flushed(); }))
    flushed();
}

void DeviceModel::take_over() {
  saver_->abandon();
  media_->abandon();
  if (auto taken = upgrade_->take_over(); !taken)
    happened(Event::stub_failed, taken.error().message());
}

void DeviceModel::remove_stub_domain() {
  start_deadline_.reset();
  flush_deadline_.reset();
  upgrade_->stop_waiting();
  saver_->abandon();
  media_->abandon();
  services_->monitors().part();
  link_.forget_next();
  host_.remove([this](const Result<> &removed) {
    if (!removed)
      return happened(Event::not_removed, removed.error().message());
    removal_pauses_.reset();
    pci_taken_.clear();
    happened(Event::removed);
  });
}

void DeviceModel::remove_again() {
  next_removal_ =
      loop_.at(Deadline::after(removal_pauses_.next()), [this] { remove_stub_domain(); });
}

void DeviceModel::resume_guest() {
  upgrade_->resume_guest();
  saver_->arrived();
}

// --- What the host tells -------------------------------------------------------------------------

void DeviceModel::on_word(broker::StubWord word) { link_.heard(word); }

void DeviceModel::on_stub_failed(const std::string &why) { happened(Event::stub_failed, why); }

void DeviceModel::on_qemu_runs() { happened(Event::qemu_runs); }

void DeviceModel::on_stub_gone(const std::string &why) { happened(Event::stub_gone, why); }

void DeviceModel::on_channel(std::unique_ptr<xen::Transport> transport) {
  if (is_over(life_.phase))
    return;
  if (auto connected = link_.connect(std::move(transport)); !connected)
    happened(Event::stub_failed, connected.error().message());
}

void DeviceModel::on_next_word(broker::StubWord word) { link_.next_heard(word); }

void DeviceModel::on_next_failed(const std::string &why) { happened(Event::next_failed, why); }

void DeviceModel::on_next_channel(std::unique_ptr<xen::Transport> transport) {
  if (!is_upgrading(life_))
    return;
  if (auto connected = link_.connect_next(std::move(transport)); !connected)
    happened(Event::next_failed, connected.error().message());
}

void DeviceModel::on_medium(const Result<> &there) { media_->there(there); }

void DeviceModel::on_guest_gone() { happened(Event::guest_gone); }

void DeviceModel::on_renamed(const std::string &name) { plan_.name = name; }

void DeviceModel::on_end_asked(broker::End why) {
  switch (why) {
  case broker::End::orderly:
    return happened(Event::end_asked);
  case broker::End::hand_over:
    return happened(Event::hand_over);
  case broker::End::killed:
    break;
  }
  happened(Event::killed, "linstub-dm was killed by a signal, and not by a toolstack that destroys "
                          "the guest");
}

void DeviceModel::on_upgrade_asked() { upgrade_->asked(); }

void DeviceModel::on_reset_asked() { upgrade_->reset_asked(); }

} // namespace linstub::dm
