// The life of a device model, as a pure function: what state it is in, what has happened, and so
// what is next and what has to be done. All I/O is in device_model.cpp.
//
//     creating ─created─► booting ─QEMU runs, monitor answers─► serving
//         │                  │                                     │
//         └── failure, deadline, asked to end, guest or stub domain gone ──► ending ─removed─►
//         ended
#pragma once

#include <cstdint>
#include <vector>

namespace linstub::dm {

enum class Phase : uint8_t {
  creating, // linstub-stubdom makes the stub domain
  booting,  // it boots; QEMU starts in it
  serving,  // libxl has been told "running"
  ending,   // the stub domain is being removed
  ended,
};

enum class Outcome : uint8_t { success, failure };

struct Life {
  Phase phase = Phase::creating;
  bool qemu_runs = false;     // QEMU has said so; from the start, if it is to wait for "cont"
  bool monitor_ready = false; // QEMU has greeted
  Outcome outcome = Outcome::success;

  bool operator==(const Life &) const = default;
};

enum class Event : uint8_t {
  created, // linstub-stubdom has made the stub domain
  creation_failed,
  qemu_runs,
  monitor_ready,
  deadline,    // the time for the start is over
  stub_failed, // linstub-init says so, or it breaks the protocol
  stub_gone,   // the stub domain has ended
  guest_gone,  // the guest's domain has ended
  end_asked,   // SIGTERM, SIGHUP, SIGINT
  removed,     // the stub domain is gone, or cannot be removed
};

enum class Action : uint8_t {
  follow_stub_domain, // watch its state, connect the channel
  announce,           // tell libxl "running"
  crash_guest,        // nobody serves it any more: on_crash decides
  remove_stub_domain, // also one that is just being made
  finish,
};

struct Step {
  Life next;
  std::vector<Action> actions;
};

Step step(Life life, Event event);

} // namespace linstub::dm
