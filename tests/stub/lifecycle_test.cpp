// SPDX-License-Identifier: MIT
#include "stub/lifecycle.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace linstub::stub {
namespace {

bool has(const Step &step, Action action) { return std::ranges::contains(step.actions, action); }

std::vector<State> all_states() {
  std::vector<State> states;
  for (Phase phase : all_phases)
    for (Mode mode : {Mode::linstub, Mode::libxl})
      for (bool client : {false, true})
        states.push_back({.phase = phase, .mode = mode, .client = client});
  return states;
}

TEST(Lifecycle, GoesFromBootToRunningInOrder) {
  State state;
  Step devices = step(state, Event::settings_read);
  EXPECT_EQ(devices.state.phase, Phase::devices);
  EXPECT_TRUE(has(devices, Action::await_devices));
  Step qemu = step(devices.state, Event::devices_ready);
  EXPECT_EQ(qemu.state.phase, Phase::qemu);
  EXPECT_TRUE(has(qemu, Action::start_qemu));
  Step running = step(qemu.state, Event::sockets_ready);
  EXPECT_EQ(running.state.phase, Phase::running);
  EXPECT_TRUE(has(running, Action::serve_channel));
  EXPECT_FALSE(has(running, Action::forget_files)) << "QEMU may not have read them yet";
  EXPECT_TRUE(has(step(running.state, Event::qemu_talks), Action::forget_files));
}

TEST(Lifecycle, NothingLeadsOutOfFailed) {
  for (const State &state : all_states()) {
    if (state.phase != Phase::failed)
      continue;
    for (Event event : all_events) {
      EXPECT_EQ(step(state, event).state, state);
      EXPECT_TRUE(step(state, event).actions.empty());
    }
  }
}

TEST(Lifecycle, WhoeverEntersFailedReportsFirstAndThenPowersOff) {
  for (const State &state : all_states()) {
    for (Event event : all_events) {
      Step next = step(state, event);
      bool enters = state.phase != Phase::failed && next.state.phase == Phase::failed;
      EXPECT_EQ(has(next, Action::power_off), enters);
      if (!enters)
        continue;
      EXPECT_EQ(next.actions.back(), Action::power_off);
      EXPECT_TRUE(has(next, Action::report_error));
      EXPECT_TRUE(has(next, Action::report_state));
    }
  }
}

TEST(Lifecycle, QemuEndingAndFailureEndTheDomainInEveryPhase) {
  for (const State &state : all_states()) {
    EXPECT_EQ(step(state, Event::failure).state.phase, Phase::failed);
    EXPECT_EQ(step(state, Event::qemu_ended).state.phase, Phase::failed);
  }
}

TEST(Lifecycle, EveryPhaseThatWaitsHasADeadlineAndSaysWhatItWaitedFor) {
  for (Phase phase : {Phase::devices, Phase::qemu, Phase::running, Phase::leaving}) {
    EXPECT_GT(facts(phase).timeout.count(), 0);
    EXPECT_FALSE(facts(phase).when_passed.empty());
    State state{.phase = phase, .mode = Mode::linstub, .client = false};
    EXPECT_EQ(step(state, Event::deadline).state.phase, Phase::failed);
  }
}

TEST(Lifecycle, ADeadlineIsSetOnEnteringEachPhaseThatHasOne) {
  for (const State &state : all_states()) {
    for (Event event : all_events) {
      Step next = step(state, event);
      if (next.state.phase == state.phase || next.state.phase == Phase::failed)
        continue;
      bool bounded = next.state.mode == Mode::linstub || next.state.phase != Phase::running;
      EXPECT_EQ(has(next, Action::set_deadline), bounded);
      EXPECT_EQ(has(next, Action::clear_deadline), !bounded);
    }
  }
}

TEST(Lifecycle, ALateDeadlineDoesNotEndADomainThatIsServed) {
  State served{.phase = Phase::running, .mode = Mode::linstub, .client = true};
  EXPECT_EQ(step(served, Event::deadline).state, served);
  State libxl{.phase = Phase::running, .mode = Mode::libxl, .client = false};
  EXPECT_EQ(step(libxl, Event::deadline).state, libxl);
}

TEST(Lifecycle, WithoutLinstubDmTheDomainEndsAfterAShortWhile) {
  State served{.phase = Phase::running, .mode = Mode::linstub, .client = true};
  Step leaving = step(served, Event::client_gone);
  EXPECT_EQ(leaving.state.phase, Phase::leaving);
  EXPECT_TRUE(has(leaving, Action::set_deadline));
  EXPECT_EQ(step(leaving.state, Event::deadline).state.phase, Phase::failed);
}

TEST(Lifecycle, InLibxlsModeClientsComeAndGo) {
  State state{.phase = Phase::running, .mode = Mode::libxl, .client = false};
  state = step(state, Event::client_connected).state;
  state = step(state, Event::client_gone).state;
  EXPECT_EQ(state.phase, Phase::running);
}

TEST(Lifecycle, EventsThatDoNotBelongToAPhaseChangeNothing) {
  const std::set<std::pair<Phase, Event>> meaningful{
      {Phase::booting, Event::settings_read}, {Phase::devices, Event::devices_ready},
      {Phase::devices, Event::deadline},      {Phase::qemu, Event::sockets_ready},
      {Phase::qemu, Event::deadline},         {Phase::running, Event::client_connected},
      {Phase::running, Event::client_gone},   {Phase::running, Event::deadline},
      {Phase::leaving, Event::deadline},      {Phase::running, Event::qemu_talks},
  };
  for (const State &state : all_states()) {
    for (Event event : all_events) {
      if (event == Event::failure || event == Event::qemu_ended ||
          meaningful.contains({state.phase, event}))
        continue;
      EXPECT_EQ(step(state, event).state, state);
      EXPECT_TRUE(step(state, event).actions.empty());
    }
  }
}

} // namespace
} // namespace linstub::stub
