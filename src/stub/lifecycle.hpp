// SPDX-License-Identifier: MIT
// The life of a stub domain, as a pure function: step(state, event) says what comes next and what
// to do. Whatever waits, reads or writes is elsewhere (init.cpp).
//
//   booting --settings_read--> devices --devices_ready--> qemu --sockets_ready--> running
//                                                                                  |     ^
//                                                        (own mode) client_gone    v     |
//   any --failure, deadline, qemu_ended--> failed <--deadline-- leaving      client_gone (libxl)
//
// failed is the end: the error is reported and the domain powered off. Nothing leads out of it.
#pragma once

#include "base/deadline.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace linstub::stub {

// Who started us: linstub-dm, or libxl's own Linux stub domain mode.
enum class Mode : uint8_t { linstub, libxl };

enum class Phase : uint8_t { booting, devices, qemu, running, leaving, failed };
constexpr std::array all_phases{Phase::booting, Phase::devices, Phase::qemu,
                                Phase::running, Phase::leaving, Phase::failed};

enum class Event : uint8_t {
  settings_read,    // mode, target and arguments are known
  devices_ready,    // every frontend is connected and has its device node
  sockets_ready,    // QEMU listens on its sockets
  client_connected, // dom0's side of the channel has come
  client_gone,      // and has gone
  qemu_talks,       // QEMU has answered on its monitor: it has read all its files
  qemu_ended,       // for whatever reason
  failure,          // something that cannot be helped has happened
  deadline,         // the phase has lasted too long
};
constexpr std::array all_events{Event::settings_read,    Event::devices_ready, Event::sockets_ready,
                                Event::client_connected, Event::client_gone,   Event::qemu_talks,
                                Event::qemu_ended,       Event::failure,       Event::deadline};

enum class Action : uint8_t {
  report_state, // write the phase's name to xenstore
  set_deadline, // the phase's own: an event deadline unless the phase has ended by then
  clear_deadline,
  await_devices,
  start_qemu, // copy files, join NICs, start it, wait for its sockets
  serve_channel,
  forget_files, // QEMU has read them: give the memory back
  report_error, // to xenstore and the log
  power_off,
};

struct State {
  Phase phase = Phase::booting;
  Mode mode = Mode::linstub;
  bool client = false; // dom0's side of the channel is there

  bool operator==(const State &) const = default;
};

struct Step {
  State state;
  std::vector<Action> actions; // to be done in this order
};

Step step(State state, Event event);

struct PhaseFacts {
  Phase phase;
  std::string_view name;        // in data/linstub/state (wire/paths.hpp)
  base::Milliseconds timeout;   // how long it may last; 0: as long as it likes
  std::string_view when_passed; // what to say then
};
// One for each phase.
const PhaseFacts &facts(Phase phase);

} // namespace linstub::stub
