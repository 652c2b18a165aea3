// SPDX-License-Identifier: MIT
// The life of a device model, as a pure function: what state it is in, what has happened, and so
// what is next and what has to be done. All I/O is in device_model.cpp.
//
//     creating ─created─► booting ─QEMU runs, monitor answers─► serving
//         │                  │                                     │
//         └── failure, deadline, asked to end, guest or stub domain gone ──► ending ─removed─►
//         ended
//
// An upgrade makes the next stub domain beside the one that serves. Its QEMU is started, and waits
// for a state, before the guest is paused; the one that is replaced is stopped, and neither ended
// nor removed before the next one runs. That has the state, and does nothing to the guest, until it
// is told to go on, from when on there is no way back:
//
//     serving ─upgrade asked─► preparing ─the next waits─► saving ─state saved─► handing
//        ▲                         │                         │                     │ │
//        ├─────────────────── anything fails: as before ─────┴─────────────────────┘ │the next
//        └──── the next one runs, and takes over ──── committed ◄────────────────────┘has it
//
// Before the end of a guest its QEMU writes back what it has cached of the disks (flushing), as one
// in dom0 would on its way out: it has two seconds for that. A stub domain that is not gone is
// removed again, without an end: the keeper is not dismissed before. A soft reset of the guest
// (kexec) gives it to another device model. Xen keeps the I/O request server of a QEMU that is
// gone, and with it the stub domain, for as long as the guest lives: so QEMU is ended (retiring),
// and what follows is the end. A reset (linstub upgrade --reset) is for a stub domain that may be
// the guest's: nothing is asked of it. The guest shuts down for a reboot, and then all ends;
// whoever made the guest makes it anew, with a device model of its own.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace linstub::dm {

enum class Phase : uint8_t {
  creating,  // linstub-stubdom makes the stub domain
  booting,   // it boots; QEMU starts in it
  serving,   // libxl has been told "running"
  preparing, // upgrade: the same, and the next one is made
  saving,    // upgrade: the guest is paused; QEMU writes its state
  handing,   // upgrade: QEMU has done so and is stopped; the next one reads it
  committed, // upgrade: it has, and is told to go on
  retiring,  // soft reset: QEMU is ended
  flushing,  // the guest has ended, or is about to: QEMU writes back what it has cached
  ending,    // the stub domain is being removed, for good
  ended,
};
constexpr std::array all_phases{Phase::creating, Phase::booting, Phase::serving,   Phase::preparing,
                                Phase::saving,   Phase::handing, Phase::committed, Phase::retiring,
                                Phase::flushing, Phase::ending,  Phase::ended};

enum class Outcome : uint8_t { success, failure };

struct Life {
  Phase phase = Phase::creating;
  bool qemu_runs = false;     // QEMU has said so; from the start, if it is to wait for "cont"
  bool monitor_ready = false; // QEMU has greeted
  bool reset_asked = false;   // and whoever asked waits to be told the end
  bool next_lost = false;     // saving: the next stub domain has failed meanwhile
  bool former_lost = false;   // handing: there is no way back to who has served so far
  Outcome outcome = Outcome::success;

  bool operator==(const Life &) const = default;
};

enum class Event : uint8_t {
  created, // linstub-stubdom has made the stub domain
  creation_failed,
  qemu_runs,
  monitor_ready,
  deadline,       // the time of the phase is over
  stub_failed,    // linstub-init says so, or it breaks the protocol
  stub_gone,      // the stub domain has ended
  guest_gone,     // the guest's domain has ended
  end_asked,      // by libxl, which destroys the guest
  killed,         // by somebody who does not: SIGTERM and the like
  hand_over,      // by libxl, which gives the guest, that lives on, to another (soft reset)
  upgrade_asked,  // linstub upgrade
  reset_asked,    // linstub upgrade --reset
  guest_reset,    // the guest has shut down for that
  next_ready,     // upgrade: the QEMU of the next stub domain waits for a state
  next_failed,    // it cannot be made, has failed or has ended, or its time is over
  next_has_state, // its QEMU has read the state, and waits to be told to go on
  next_stays,     // it refuses to: it does nothing to the guest
  next_runs,      // it does
  state_saved,    // upgrade: QEMU's state is in dom0
  save_failed,    // upgrade: it is not, and QEMU is as it was
  flushed,        // nothing of the disks is cached
  removed,        // the stub domain is proved to be gone
  not_removed,    // it is not, in spite of all that was tried
};
constexpr std::array all_events{
    Event::created,        Event::creation_failed, Event::qemu_runs,  Event::monitor_ready,
    Event::deadline,       Event::stub_failed,     Event::stub_gone,  Event::guest_gone,
    Event::end_asked,      Event::killed,          Event::hand_over,  Event::upgrade_asked,
    Event::reset_asked,    Event::guest_reset,     Event::next_ready, Event::next_failed,
    Event::next_has_state, Event::next_stays,      Event::next_runs,  Event::state_saved,
    Event::save_failed,    Event::flushed,         Event::removed,    Event::not_removed};

enum class Action : uint8_t {
  follow_stub_domain, // watch its state, connect the channel
  announce,           // tell libxl "running"
  crash_guest,        // nobody serves it any more: on_crash decides
  remove_stub_domain, // also one that is just being made, and the next one
  remove_again,       // the same, after a pause
  retire_qemu,        // soft reset: end it, so that Xen forgets it; a deadline for that
  flush_disks,        // have QEMU write back what it has cached; a deadline for that
  create_next,        // upgrade: a stub domain of the new image, which waits for a state
  save_state,         // upgrade: pause the guest, have QEMU write its state
  feed_next,          // upgrade: have the next one read it
  start_next,         // upgrade: have it go on with it
  take_over,          // upgrade: it serves; the one before is removed
  drop_next,          // upgrade: it is removed
  resume_guest,       // upgrade: unpause the guest
  resume_qemu,        // the same, when QEMU goes on, which was told to stop
  reset_guest,        // have it shut down, for a reboot
  tell_upgraded,      // whoever asked: it is done
  tell_not_upgraded,  // or not, and the guest runs on as before
  tell_reset,         // whoever asked for it: it is done
  finish,
};

// --- What a phase means --------------------------------------------------------------------------

// The guest has no device model yet.
constexpr bool is_starting(Phase phase) {
  return phase == Phase::creating || phase == Phase::booting;
}

// All is being removed, or has been.
constexpr bool is_over(Phase phase) { return phase == Phase::ending || phase == Phase::ended; }

// QEMU answers the guest.
constexpr bool serves(Phase phase) { return phase == Phase::serving || phase == Phase::preparing; }

// Somebody has asked for an upgrade and has not been told its end.
constexpr bool is_upgrading(const Life &life) {
  return life.phase == Phase::preparing || life.phase == Phase::saving ||
         life.phase == Phase::handing || life.phase == Phase::committed;
}

// The guest has run: a guest that has not, when its start fails, is libxl's to remove.
constexpr bool guest_has_run(const Life &life) { return !is_starting(life.phase); }

// The word of run/status.hpp.
std::string_view phase_text(const Life &life);

// What who asks something of QEMU is told when no QEMU serves.
constexpr const char *being_replaced = "the device model is being replaced";

// --- What follows --------------------------------------------------------------------------------

struct Step {
  Life next;
  std::vector<Action> actions;
};

Step step(Life life, Event event);

} // namespace linstub::dm
