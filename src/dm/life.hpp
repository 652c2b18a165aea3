// SPDX-License-Identifier: MIT
// The life of a device model, as a pure function: what state it is in, what has happened, and so
// what is next and what has to be done. All I/O is in device_model.cpp.
//
//     creating ─created─► booting ─QEMU runs, monitor answers─► serving
//         │                  │                                     │
//         └── failure, deadline, asked to end, guest or stub domain gone ──► ending ─removed─►
//         ended
//
// An upgrade replaces the stub domain under the guest, which is paused meanwhile:
//
//     serving ─upgrade asked─► saving ─state saved─► retiring ─its QEMU has ended─► removing
//        ▲                       │                                                     │
//        ├──── cannot save ──────┘                                                  removed
//        │                                                                             ▼
//        └─────────────────────────── booting ◄────────────────────────────────── creating
//
// When the new stub domain fails before it serves, it is removed and one of the old image is made
// from the same state (Attempt::fallback); when that fails too, the guest crashes.
//
// A stub domain that is not gone is removed again, without an end: nothing is made beside it, and
// the keeper is not dismissed before. An upgrade does not wait for that: its guest crashes.
// A soft reset of the guest (kexec) gives it to another device model. Xen keeps the I/O request
// server of a QEMU that is gone, and with it the stub domain, for as long as the guest lives: so
// QEMU is ended as in an upgrade, and what follows is the end.
// A reset (linstub upgrade --reset) is for a stub domain that may be the guest's: nothing is asked
// of it. The guest shuts down for a reboot, and then all ends; whoever made the guest makes it
// anew, with a device model of its own.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace linstub::dm {

enum class Phase : uint8_t {
  creating, // linstub-stubdom makes the stub domain
  booting,  // it boots; QEMU starts in it
  serving,  // libxl has been told "running"
  saving,   // upgrade: QEMU writes its state
  retiring, // upgrade: QEMU has done so and is ended
  removing, // upgrade: the stub domain is being removed
  ending,   // the stub domain is being removed, for good
  ended,
};
constexpr std::array all_phases{Phase::creating, Phase::booting,  Phase::serving, Phase::saving,
                                Phase::retiring, Phase::removing, Phase::ending,  Phase::ended};

// Which stub domain it is about.
enum class Attempt : uint8_t {
  first,    // the guest's first
  upgrade,  // one of a new image, from the state of the one before
  fallback, // one of the old image, from the same state, since the new one has failed
};
constexpr std::array all_attempts{Attempt::first, Attempt::upgrade, Attempt::fallback};

enum class Outcome : uint8_t { success, failure };

struct Life {
  Phase phase = Phase::creating;
  Attempt attempt = Attempt::first;
  bool qemu_runs = false;     // QEMU has said so; from the start, if it is to wait for "cont"
  bool monitor_ready = false; // QEMU has greeted
  bool reset_asked = false;   // and whoever asked waits to be told the end
  bool handed_over = false;   // another device model serves the guest next
  Outcome outcome = Outcome::success;

  bool operator==(const Life &) const = default;
};

enum class Event : uint8_t {
  created, // linstub-stubdom has made the stub domain
  creation_failed,
  qemu_runs,
  monitor_ready,
  deadline,      // the time of the phase is over
  stub_failed,   // linstub-init says so, or it breaks the protocol
  stub_gone,     // the stub domain has ended
  guest_gone,    // the guest's domain has ended
  end_asked,     // by libxl, which destroys the guest
  killed,        // by somebody who does not: SIGTERM and the like
  hand_over,     // by libxl, which gives the guest, that lives on, to another (soft reset)
  upgrade_asked, // linstub upgrade
  reset_asked,   // linstub upgrade --reset
  guest_reset,   // the guest has shut down for that
  state_saved,   // upgrade: QEMU's state is in dom0
  save_failed,   // upgrade: it is not, and QEMU is as it was
  removed,       // the stub domain is proved to be gone
  not_removed,   // it is not, in spite of all that was tried
};
constexpr std::array all_events{Event::created,       Event::creation_failed, Event::qemu_runs,
                                Event::monitor_ready, Event::deadline,        Event::stub_failed,
                                Event::stub_gone,     Event::guest_gone,      Event::end_asked,
                                Event::killed,        Event::hand_over,       Event::upgrade_asked,
                                Event::reset_asked,   Event::guest_reset,     Event::state_saved,
                                Event::save_failed,   Event::removed,         Event::not_removed};

enum class Action : uint8_t {
  follow_stub_domain, // watch its state, connect the channel
  announce,           // tell libxl "running"
  crash_guest,        // nobody serves it any more: on_crash decides
  remove_stub_domain, // also one that is just being made
  remove_again,       // the same, after a pause
  save_state,         // upgrade: pause the guest, have QEMU write its state
  retire_qemu,        // end it, so that Xen forgets it; a deadline for that
  forget_stub_domain, // its channel and all that leads there
  create_upgraded,    // a stub domain of the new image, from the state
  create_fallback,    // one of the old image, from the same state
  resume_guest,       // upgrade: unpause the guest
  resume_qemu,        // it had been told to stop
  reset_guest,        // have it shut down, for a reboot
  tell_upgraded,      // whoever asked: it is done
  tell_not_upgraded,  // or not, and the guest runs on as before
  tell_reset,         // whoever asked for it: it is done
  finish,
};

// --- What a phase means --------------------------------------------------------------------------

// The guest has no device model yet, or, in an upgrade, none again.
constexpr bool is_starting(Phase phase) {
  return phase == Phase::creating || phase == Phase::booting;
}

// All is being removed, or has been.
constexpr bool is_over(Phase phase) { return phase == Phase::ending || phase == Phase::ended; }

// What the stub domain that there is says and does counts. Later it is being removed.
constexpr bool counts_stub_domain(Phase phase) {
  return is_starting(phase) || phase == Phase::serving || phase == Phase::saving ||
         phase == Phase::retiring;
}

// Somebody has asked for an upgrade and has not been told its end.
constexpr bool is_upgrading(const Life &life) {
  return !life.handed_over && (life.phase == Phase::saving || life.phase == Phase::retiring ||
                               life.phase == Phase::removing ||
                               (is_starting(life.phase) && life.attempt != Attempt::first));
}

// The guest has run: a guest that has not, when its start fails, is libxl's to remove.
constexpr bool guest_has_run(const Life &life) {
  return !is_starting(life.phase) || life.attempt != Attempt::first;
}

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
