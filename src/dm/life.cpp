// SPDX-License-Identifier: MIT
#include "dm/life.hpp"

namespace linstub::dm {
namespace {

using enum Action;

Step stay(Life life) { return {life, {}}; }

Step end(Life life, Outcome outcome) {
  bool crash = guest_has_run(life) && outcome == Outcome::failure;
  bool asked = is_upgrading(life);
  bool removing = life.phase == Phase::removing;
  life.phase = Phase::ending;
  life.outcome = outcome;
  Step next{life, {}};
  if (crash)
    next.actions.push_back(crash_guest);
  if (asked)
    next.actions.push_back(tell_not_upgraded);
  if (!removing) // else the removal under way ends it
    next.actions.push_back(remove_stub_domain);
  return next;
}

Step serve_if_ready(Life life) {
  if (life.phase != Phase::booting || !life.qemu_runs || !life.monitor_ready)
    return stay(life);
  life.phase = Phase::serving;
  switch (life.attempt) {
  case Attempt::first:
    return {life, {announce}};
  case Attempt::upgrade:
    life.attempt = Attempt::first;
    return {life, {resume_guest, tell_upgraded}};
  case Attempt::fallback:
    life.attempt = Attempt::first;
    return {life, {resume_guest, tell_not_upgraded}};
  }
  return stay(life);
}

// The stub domain has failed before it served, or while it was leaving.
Step start_failed(Life life) {
  if (!is_starting(life.phase) || life.attempt != Attempt::upgrade)
    return end(life, Outcome::failure);
  life.phase = Phase::removing;
  life.attempt = Attempt::fallback;
  return {life, {forget_stub_domain, remove_stub_domain}};
}

// It may do what it can to stay. Nobody else would try again.
Step not_removed(Life life) {
  if (life.phase == Phase::ending)
    return {life, {remove_again}};
  if (life.phase != Phase::removing)
    return stay(life);
  Step next = end(life, Outcome::failure);
  next.actions.push_back(remove_again);
  return next;
}

// Its QEMU has ended as it should, or does not: its state is safe in either case.
Step retire(Life life) {
  life.phase = Phase::removing;
  life.attempt = Attempt::upgrade;
  return {life, {forget_stub_domain, remove_stub_domain}};
}

// What libxl waits for is not held up: the deadline of the retirement ends it.
Step hand_over(Life life) {
  if (life.phase != Phase::serving)
    return end(life, Outcome::success);
  life.handed_over = true;
  life.phase = Phase::retiring;
  return {life, {retire_qemu}};
}

Step create_next(Life life) {
  life.phase = Phase::creating;
  life.qemu_runs = false;
  life.monitor_ready = false;
  return {life, {life.attempt == Attempt::fallback ? create_fallback : create_upgraded}};
}

// What the stub domain, or a wait for it, has come to.
Step failed(Life life, Event event) {
  switch (life.phase) {
  case Phase::creating:
  case Phase::booting:
    return start_failed(life);
  case Phase::serving:
  case Phase::saving: // the save has a deadline of its own
    return event == Event::deadline ? stay(life) : end(life, Outcome::failure);
  case Phase::retiring:
    return life.handed_over ? end(life, Outcome::success) : retire(life);
  default:
    return stay(life);
  }
}

Step follow(Life life, Event event) {
  if (life.phase == Phase::ended)
    return stay(life);
  if (life.phase == Phase::ending) {
    if (event == Event::not_removed)
      return not_removed(life);
    if (event != Event::removed)
      return stay(life);
    life.phase = Phase::ended;
    if (life.reset_asked)
      return {life, {tell_reset, finish}};
    return {life, {finish}};
  }
  switch (event) {
  case Event::created:
    if (life.phase != Phase::creating)
      return stay(life);
    life.phase = Phase::booting;
    return {life, {follow_stub_domain}};
  case Event::qemu_runs:
    if (!is_starting(life.phase))
      return stay(life);
    life.qemu_runs = true;
    return serve_if_ready(life);
  case Event::monitor_ready:
    if (!is_starting(life.phase))
      return stay(life);
    life.monitor_ready = true;
    return serve_if_ready(life);
  case Event::creation_failed:
  case Event::deadline:
  case Event::stub_failed:
  case Event::stub_gone:
    return failed(life, event);
  case Event::guest_gone:
  case Event::end_asked:
    return end(life, Outcome::success);
  case Event::killed:
    return end(life, Outcome::failure);
  case Event::hand_over:
    return hand_over(life);
  case Event::reset_asked:
    if (!guest_has_run(life))
      return stay(life);
    life.reset_asked = true;
    return {life, {reset_guest}};
  case Event::guest_reset:
    return life.reset_asked ? end(life, Outcome::success) : stay(life);
  case Event::upgrade_asked:
    if (life.phase != Phase::serving)
      return stay(life);
    life.phase = Phase::saving;
    return {life, {save_state}};
  case Event::state_saved:
    if (life.phase != Phase::saving)
      return stay(life);
    life.phase = Phase::retiring;
    return {life, {retire_qemu}};
  case Event::save_failed:
    if (life.phase != Phase::saving)
      return stay(life);
    life.phase = Phase::serving;
    return {life, {resume_qemu, resume_guest, tell_not_upgraded}};
  case Event::removed:
    return life.phase == Phase::removing ? create_next(life) : stay(life);
  case Event::not_removed:
    return not_removed(life);
  }
  return stay(life);
}

} // namespace

std::string_view phase_text(const Life &life) {
  switch (life.phase) {
  case Phase::creating:
    return "creating";
  case Phase::booting:
    return "booting";
  case Phase::serving:
    return "serving";
  case Phase::saving:
  case Phase::retiring:
  case Phase::removing:
    return life.handed_over ? "ending" : "upgrading";
  case Phase::ending:
    return "ending";
  case Phase::ended:
    break;
  }
  return life.outcome == Outcome::success ? "ended" : "failed";
}

Step step(Life life, Event event) {
  Step next = follow(life, event);
  // Only one can be asking: who had asked for the upgrade has left, and who has asked for a reset
  // since then waits for the end of that.
  if (next.next.reset_asked)
    std::erase_if(next.actions,
                  [](Action one) { return one == tell_upgraded || one == tell_not_upgraded; });
  return next;
}

} // namespace linstub::dm
