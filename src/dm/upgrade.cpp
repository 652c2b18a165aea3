// SPDX-License-Identifier: MIT
#include "dm/upgrade.hpp"

#include "base/log.hpp"
#include "dm/announcement.hpp"

#include <algorithm>
#include <utility>

namespace linstub::dm {
namespace {

using base::Deadline;
using base::Milliseconds;
using base::Result;

// Nobody but the guest waits for these.
constexpr Milliseconds save_timeout{20'000};
constexpr Milliseconds feed_timeout{20'000};
constexpr Milliseconds start_timeout{60'000}; // there is no way back
// Nobody but who has asked waits for this: the guest runs.
constexpr Milliseconds next_timeout{120'000};
// libxl makes the next device model meanwhile, whose stub domain waits for the name of this one.
constexpr Milliseconds retirement_timeout{5'000};

// The end in dom0 of a stream that carries nothing.
class Nobody final : public Channel::Stream {
  void on_accept() override {}
  void on_data(std::span<const std::byte>) override {}
  void on_credit() override {}
  void on_close(std::string_view) override {}
};
Nobody nobody;

} // namespace

void Upgrade::asked() {
  if (context_.life.phase != Phase::serving || context_.life.reset_asked || owner_.busy())
    return refuse(
        base::format("the device model is busy ({}): try again", phase_text(context_.life)));
  if (auto can = owner_.can_be_replaced(); !can)
    return refuse(can.error().message());
  owner_.happened(Event::upgrade_asked, {});
}

void Upgrade::reset_asked() {
  if (is_over(context_.life.phase) || !guest_has_run(context_.life))
    return refuse(base::format("there is no guest that could be reset: its device model is {}",
                               phase_text(context_.life)));
  owner_.happened(Event::reset_asked, {});
}

void Upgrade::refuse(std::string why) {
  context_.host.tell_upgrade({.kind = run::ControlReply::Kind::error, .text = std::move(why)});
}

void Upgrade::next_deadline(Milliseconds time, std::string_view what) {
  deadline_ = context_.loop.at(Deadline::after(time), [this, time, what] {
    owner_.happened(Event::next_failed,
                    base::format("the next stub domain {} within {} s: {}", what,
                                 time.count() / 1000,
                                 context_.link.last_words_of_next(context_.name)));
  });
}

void Upgrade::create_next() {
  ask_in_turn({{.name = "query-status",
                .answered = [this](const qmp::Reply &reply) { return look_at_status(reply); }}},
              Event::next_failed, [this] { make_next(); });
}

void Upgrade::make_next() {
  tell("making the next stub domain; the guest runs");
  next_deadline(next_timeout, "was not ready");
  context_.host.create(broker::Which::next, [this](const Result<xen::DomId> &next) {
    if (context_.life.phase != Phase::preparing) // it is dropped already
      return;
    if (!next)
      return owner_.happened(Event::next_failed,
                             base::format("make the next stub domain: {}", next.error().message()));
    context_.link.next_found(*next);
  });
}

Result<> Upgrade::meet_next(Channel &channel) {
  return context_.monitors.meet(
      channel,
      {.ready = [this] { owner_.happened(Event::next_ready, {}); },
       .said = [this](const qmp::Event &event) { next_says(event); },
       .broken = [this](const std::string &why) { owner_.happened(Event::next_failed, why); }});
}

Result<> Upgrade::save_state() {
  deadline_.reset();
  context_.saver.prepare_for_upgrade([this] {
    if (context_.life.phase == Phase::saving && !context_.life.reset_asked)
      hold_and_save();
  });
  return {};
}

void Upgrade::qemu_says(const qmp::Event &event) {
  if (context_.life.phase != Phase::saving)
    return;
  if (event.name == "SHUTDOWN")
    end_ = broker::GuestEnd::power_off;
  if (event.name == "RESET")
    end_ = broker::GuestEnd::reset;
}

// Xen may have taken that for the hold's suspend, and dropped it.
bool Upgrade::has_ended_itself() {
  if (!end_)
    return false;
  context_.host.end_guest(*end_);
  owner_.happened(Event::save_failed, *end_ == broker::GuestEnd::reset
                                          ? "the guest has reset itself"
                                          : "the guest has powered itself off");
  return true;
}

// A guest that sleeps is woken by the QEMU that has put it to sleep: it is no part of the state.
Result<> Upgrade::look_at_status(const qmp::Reply &reply) {
  if (qmp::string_member(reply.result, "status") == "suspended")
    return base::fail("the guest sleeps (ACPI S3), and could not be woken up again: wake it first "
                      "(xl trigger {} s3resume)",
                      context_.name);
  return {};
}

void Upgrade::hold_and_save() {
  tell("pausing the guest and saving the state of its device model");
  end_.reset();
  context_.host.hold_guest([this](const Result<uint32_t> &pv_nics) {
    if (context_.life.phase != Phase::saving || has_ended_itself())
      return;
    if (!pv_nics)
      return owner_.happened(Event::save_failed, pv_nics.error().message());
    pv_nics_ = *pv_nics;
    // What the guest has left with QEMU without waiting for it (buffered requests) is in QEMU's
    // event queue; the first answer says that QEMU has been through that once, so that "stop" finds
    // it done.
    ask_in_turn({{.name = "query-name"},
                 {.name = "query-status",
                  .answered = [this](const qmp::Reply &reply) { return look_at_status(reply); }}},
                Event::save_failed, [this] { stop_and_save(); });
  });
}

void Upgrade::stop_and_save() {
  if (has_ended_itself())
    return;
  stopped_ = true;
  ask_in_turn({{.name = "stop"}}, Event::save_failed, [this] { save(); });
}

// Each question when the one before has been answered; a refusal ends the upgrade.
void Upgrade::ask_in_turn(std::vector<Question> questions, Event if_not,
                          const std::function<void()> &then) {
  if (questions.empty())
    return then();
  Question question = std::move(questions.front());
  questions.erase(questions.begin());
  deadline_ = context_.loop.at(Deadline::after(save_timeout), [this, if_not, name = question.name] {
    owner_.happened(if_not, base::format("QEMU has not answered to {} in time", name));
  });
  auto sent = context_.monitors.ask(
      question.name, "{}",
      [this, question, questions, if_not, then,
       asked_in = context_.life.phase](const qmp::Reply &reply) {
        if (context_.life.phase != asked_in)
          return;
        deadline_.reset();
        if (reply.failed())
          return owner_.happened(if_not,
                                 base::format("QEMU refuses {}: {}", question.name, reply.error));
        if (auto good = question.answered(reply); !good)
          return owner_.happened(if_not, good.error().message());
        ask_in_turn(questions, if_not, then);
      });
  if (!sent)
    owner_.happened(if_not, sent.error().message());
}

// What was on its way to QEMU when the upgrade was asked for is done now.
void Upgrade::save() {
  if (auto can = owner_.can_be_replaced(); !can)
    return owner_.happened(Event::save_failed, can.error().message());
  auto started = context_.saver.save_for_upgrade(
      Deadline::after(save_timeout), [this](Result<uint64_t> length) { saved(std::move(length)); });
  if (!started)
    owner_.happened(Event::save_failed, started.error().message());
}

void Upgrade::saved(Result<uint64_t> length) {
  if (!length)
    return owner_.happened(Event::save_failed, length.error().message());
  tell(base::format("{} bytes of state are saved; the next stub domain reads them", *length));
  owner_.happened(Event::state_saved, {});
}

// It is made with -S, so that it does not go on by itself, and says when it has read all of the
// state (QEMU's qapi/migration.json, MIGRATION).
void Upgrade::feed_next() {
  next_deadline(feed_timeout, "did not take the state over");
  constexpr auto tell_progress = R"({"capabilities":[{"capability":"events","state":true}]})";
  ask_next("migrate-set-capabilities", tell_progress, Event::next_failed, [this] {
    ask_next("migrate-set-parameters", R"({"announce-rounds":0})", Event::next_failed,
             [this] { give_state(); });
  });
}

void Upgrade::ask_next(const std::string &name, std::string_view arguments, Event if_refused,
                       const std::function<void()> &then) {
  auto answered = [this, name, if_refused, then,
                   asked_in = context_.life.phase](const qmp::Reply &reply) {
    if (context_.life.phase != asked_in)
      return;
    if (!reply.failed())
      return then();
    owner_.happened(if_refused, base::format("the next QEMU refuses {}: {}", name, reply.error));
  };
  if (auto asked = context_.monitors.ask_next(name, arguments, answered); !asked)
    owner_.happened(if_refused, asked.error().message());
}

void Upgrade::give_state() {
  if (context_.link.next_channel() == nullptr)
    return;
  auto given = context_.link.next_channel()->open(wire::Service::restore, 0, 1, nobody);
  if (!given)
    owner_.happened(Event::next_failed, given.error().message());
}

void Upgrade::next_says(const qmp::Event &event) {
  if (event.name == "MIGRATION" && qmp::data_member(event, "status") == "completed")
    owner_.happened(Event::next_has_state, {});
  // Clients have heard that the former one was stopped.
  if (event.name == "RESUME" && context_.life.phase == Phase::committed)
    context_.monitors.tell_clients(event);
}

// Xen sends it the guest's requests as soon as it does (preload/awaited.cpp).
void Upgrade::start_next() {
  next_deadline(start_timeout, "did not go on with the state");
  ask_next("cont", "{}", Event::next_stays, [this] { owner_.happened(Event::next_runs, {}); });
}

// linstub-init kills QEMU and takes its I/O request server away from the guest, which the end of
// its domain alone would not: Xen would go on to send it requests. QEMU is not told to quit,
// because on its way out it raises interrupts (it tells its NICs that their link is down).
Result<> Upgrade::tell_to_end(Channel *channel) {
  if (channel == nullptr)
    return base::fail("there is no channel to the stub domain");
  TRY(channel->open(wire::Service::retire, 0, 1, nobody));
  return {};
}

Result<> Upgrade::take_over() {
  deadline_.reset();
  stopped_ = false;
  context_.host.take_over();
  base::log_failure(tell_to_end(context_.link.channel()), base::LogLevel::warning);
  TRY(owner_.change_over(*context_.link.next_channel()));
  context_.link.take_over();
  announce();
  return {};
}

// To who is on the guest's networks: it is behind other ports of their bridges now.
void Upgrade::announce() {
  const auto nics = announcement(context_.nics, pv_nics_);
  if (!nics)
    return;
  base::log_failure(context_.monitors.ask("announce-self", *nics,
                                          [](const qmp::Reply &reply) {
                                            if (reply.failed())
                                              base::log_warning("QEMU announces no NIC: {}",
                                                                reply.error);
                                          }),
                    base::LogLevel::warning);
}

void Upgrade::drop_next() {
  deadline_.reset();
  context_.host.drop_next();
  base::log_failure(tell_to_end(context_.link.next_channel()), base::LogLevel::debug);
  context_.monitors.part();
  context_.link.forget_next();
  context_.saver.drop();
}

// The guest's requests would be lost to a QEMU that is stopped: Xen does not send them. One that
// was not told to stop may not be able to go on, because the guest has shut down.
Result<> Upgrade::resume() {
  if (!std::exchange(stopped_, false)) {
    resume_guest();
    return {};
  }
  resumption_ = context_.loop.at(Deadline::after(save_timeout), [this] {
    owner_.happened(Event::stub_failed, "QEMU has not gone on in time");
  });
  return context_.monitors.ask("cont", "{}", [this](const qmp::Reply &reply) {
    resumption_.reset();
    if (reply.failed())
      return owner_.happened(Event::stub_failed,
                             base::format("QEMU does not go on: {}", reply.error));
    resume_guest();
  });
}

Result<> Upgrade::retire_qemu() {
  deadline_ = context_.loop.at(Deadline::after(retirement_timeout), [this] {
    base::log_warning("the former stub domain does not end by itself: it is removed all the same");
    owner_.happened(Event::deadline, {});
  });
  context_.link.wake(); // the state has been saved for a toolstack, maybe
  return tell_to_end(context_.link.channel());
}

void Upgrade::reset_guest() {
  tell("shutting the guest down");
  context_.host.reset_guest([this](const Result<bool> &crashed) {
    if (!crashed)
      return owner_.happened(Event::stub_failed, crashed.error().message());
    crashed_ = *crashed;
    if (crashed_)
      tell("the guest waits for its device model: it is crashed");
    owner_.happened(Event::guest_reset, {});
  });
}

// The stub domain is proved to be gone by now.
void Upgrade::tell_reset() {
  std::string text = base::format(
      "guest {} {}, and its stub domain is removed: whether both are made anew, {} in the guest's "
      "configuration decides",
      context_.name, crashed_ ? "did not shut down and was crashed" : "has shut down for a reboot",
      crashed_ ? "on_crash" : "on_reboot");
  base::log_info("{}", text);
  context_.host.tell_upgrade({.kind = run::ControlReply::Kind::done, .text = std::move(text)});
}

void Upgrade::tell_failed(const std::string &why) {
  std::string text = base::format("guest {} was not upgraded: {}", context_.name,
                                  why.empty() ? "it has ended" : why);
  if (context_.life.phase == Phase::serving)
    text += "; it runs on, with the image that it had";
  else if (context_.life.outcome == Outcome::failure)
    text += "; it has crashed, since it has no device model any more";
  refuse(std::move(text));
}

void Upgrade::tell(std::string progress) {
  context_.host.tell_upgrade({.text = std::move(progress)});
}

} // namespace linstub::dm
