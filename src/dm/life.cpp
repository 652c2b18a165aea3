// SPDX-License-Identifier: MIT
#include "dm/life.hpp"

namespace linstub::dm {
namespace {

using enum Action;

Step stay(Life life) { return {life, {}}; }

Step end(Life life, Outcome outcome) {
  bool crash = guest_has_run(life) && outcome == Outcome::failure;
  bool asked = is_upgrading(life);
  life.phase = Phase::ending;
  life.outcome = outcome;
  Step next{life, {}};
  if (crash)
    next.actions.push_back(crash_guest);
  if (asked)
    next.actions.push_back(tell_not_upgraded);
  next.actions.push_back(remove_stub_domain);
  return next;
}

Step serve_if_ready(Life life) {
  if (life.phase != Phase::booting || !life.qemu_runs || !life.monitor_ready)
    return stay(life);
  life.phase = Phase::serving;
  return {life, {announce}};
}

// What libxl waits for is not held up: the deadline of the retirement ends it.
Step hand_over(Life life) {
  if (life.phase != Phase::serving)
    return end(life, Outcome::success);
  life.phase = Phase::retiring;
  return {life, {retire_qemu}};
}

// A guest that is reset may own its device model, of which nothing is asked.
Step end_in_order(Life life) {
  if (life.phase == Phase::flushing)
    return stay(life);
  const bool flushes = serves(life.phase) || life.phase == Phase::saving;
  if (!flushes || life.reset_asked)
    return end(life, Outcome::success);
  const bool upgrades = is_upgrading(life);
  life.phase = Phase::flushing;
  if (upgrades)
    return {life, {drop_next, tell_not_upgraded, flush_disks}};
  return {life, {flush_disks}};
}

// What the stub domain, or a wait for it, has come to.
Step failed(Life life, Event event) {
  switch (life.phase) {
  case Phase::creating:
  case Phase::booting:
    return end(life, Outcome::failure);
  case Phase::serving:
  case Phase::preparing:
  case Phase::saving: // each has a deadline of its own
    return event == Event::deadline ? stay(life) : end(life, Outcome::failure);
  case Phase::handing: // its state is with the next one
  case Phase::committed:
    life.former_lost = life.former_lost || event != Event::deadline;
    return stay(life);
  case Phase::retiring:
  case Phase::flushing:
    return end(life, Outcome::success);
  default:
    return stay(life);
  }
}

// The guest runs on with the stub domain that it has.
Step go_back(Life life) {
  if (life.former_lost)
    return end(life, Outcome::failure);
  const bool paused = life.phase != Phase::preparing;
  life.phase = Phase::serving;
  life.next_lost = false;
  if (paused)
    return {life, {drop_next, resume_qemu, tell_not_upgraded}};
  return {life, {drop_next, tell_not_upgraded}};
}

Step upgrade(Life life, Event event) {
  switch (event) {
  case Event::next_ready:
    if (life.phase != Phase::preparing)
      return stay(life);
    life.phase = Phase::saving;
    return {life, {save_state}};
  case Event::state_saved:
    if (life.phase != Phase::saving)
      return stay(life);
    if (life.next_lost)
      return go_back(life);
    life.phase = Phase::handing;
    return {life, {feed_next}};
  case Event::save_failed:
    return life.phase == Phase::saving ? go_back(life) : stay(life);
  case Event::next_has_state:
    if (life.phase != Phase::handing)
      return stay(life);
    life.phase = Phase::committed;
    return {life, {start_next}};
  case Event::next_stays:
    return life.phase == Phase::committed ? go_back(life) : stay(life);
  case Event::next_runs:
    if (life.phase != Phase::committed)
      return stay(life);
    life.phase = Phase::serving;
    life.former_lost = false;
    return {life, {take_over, resume_guest, tell_upgraded}};
  case Event::next_failed:
    if (life.phase == Phase::saving) // which is not cut short
      life.next_lost = true;
    if (life.phase == Phase::committed) // it may have run, and Xen may wait for it for ever
      return end(life, Outcome::failure);
    return life.phase == Phase::preparing || life.phase == Phase::handing ? go_back(life)
                                                                          : stay(life);
  default:
    return stay(life);
  }
}

Step follow(Life life, Event event) {
  if (life.phase == Phase::ended)
    return stay(life);
  if (life.phase == Phase::ending) {
    if (event == Event::not_removed) // it may do what it can to stay; nobody else would try again
      return {life, {remove_again}};
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
    return end_in_order(life);
  case Event::flushed:
    return life.phase == Phase::flushing ? end(life, Outcome::success) : stay(life);
  case Event::killed:
    return end(life, life.phase == Phase::flushing ? Outcome::success : Outcome::failure);
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
    life.phase = Phase::preparing;
    return {life, {create_next}};
  case Event::next_ready:
  case Event::next_failed:
  case Event::next_has_state:
  case Event::next_stays:
  case Event::next_runs:
  case Event::state_saved:
  case Event::save_failed:
    return upgrade(life, event);
  case Event::removed:
  case Event::not_removed:
    return stay(life);
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
  case Phase::preparing:
  case Phase::saving:
  case Phase::handing:
  case Phase::committed:
    return "upgrading";
  case Phase::retiring:
  case Phase::flushing:
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
