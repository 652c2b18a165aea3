// SPDX-License-Identifier: MIT
#include "stub/lifecycle.hpp"

namespace linstub::stub {
namespace {

using std::chrono::seconds;

// The timeouts are long enough for a software-emulated host. `running` has one only until the
// first client comes: if linstub-dm has died by then, nobody else would end this domain.
constexpr std::array phases{
    PhaseFacts{Phase::booting, "booting", seconds(0), ""},
    PhaseFacts{Phase::devices, "devices", seconds(40), "wait for the backends in dom0"},
    PhaseFacts{Phase::qemu, "qemu", seconds(60), "wait for QEMU's sockets"},
    PhaseFacts{Phase::running, "running", seconds(90),
               "wait for linstub-dm to connect to the channel"},
    PhaseFacts{Phase::leaving, "running", seconds(5),
               "linstub-dm has left the channel; the guest has no device model any more"},
    PhaseFacts{Phase::failed, "failed", seconds(0), ""},
};

Step stay(State state) { return {.state = state, .actions = {}}; }

Step fail(State state) {
  state.phase = Phase::failed;
  return {.state = state,
          // The reason first: who sees the state looks for it.
          .actions = {Action::clear_deadline, Action::report_error, Action::report_state,
                      Action::power_off}};
}

Step enter(State state, Phase phase, std::initializer_list<Action> actions) {
  state.phase = phase;
  return {.state = state, .actions = actions};
}

Step advance(State state, Event event) {
  using enum Action;
  switch (event) {
  case Event::settings_read:
    if (state.phase == Phase::booting)
      return enter(state, Phase::devices, {report_state, set_deadline, await_devices});
    break;
  case Event::devices_ready:
    if (state.phase == Phase::devices)
      return enter(state, Phase::qemu, {report_state, set_deadline, start_qemu});
    break;
  case Event::sockets_ready:
    if (state.phase != Phase::qemu)
      break;
    // libxl connects when it likes, and ends us itself: no deadline there.
    return enter(
        state, Phase::running,
        {state.mode == Mode::linstub ? set_deadline : clear_deadline, serve_channel, report_state});
  default:
    break;
  }
  return stay(state);
}

} // namespace

Step step(State state, Event event) {
  using enum Action;
  if (state.phase == Phase::failed)
    return stay(state);
  switch (event) {
  case Event::failure:
  case Event::qemu_ended:
    return fail(state);
  case Event::deadline:
    // One that was about to be cleared: a client is there, or the phase has none.
    if (facts(state.phase).timeout.count() == 0 ||
        (state.phase == Phase::running && (state.client || state.mode == Mode::libxl)))
      return stay(state);
    return fail(state);
  case Event::client_connected:
    if (state.phase != Phase::running)
      return stay(state);
    state.client = true;
    return {.state = state, .actions = {clear_deadline}};
  case Event::qemu_talks: // not earlier: its sockets are there before it reads a kernel
    if (state.phase != Phase::running)
      return stay(state);
    return {.state = state, .actions = {forget_files}};
  case Event::client_gone:
    if (state.phase != Phase::running)
      return stay(state);
    state.client = false;
    if (state.mode == Mode::libxl) // each of libxl's conversations is a connection of its own
      return stay(state);
    return enter(state, Phase::leaving, {set_deadline});
  default:
    return advance(state, event);
  }
}

const PhaseFacts &facts(Phase phase) {
  for (const PhaseFacts &one : phases) {
    if (one.phase == phase)
      return one;
  }
  return phases.back(); // a test walks through all phases: not reached
}

} // namespace linstub::stub
