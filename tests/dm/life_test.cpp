// SPDX-License-Identifier: MIT
#include "dm/life.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace linstub::dm {
namespace {

using enum Event;

Life after(std::initializer_list<Event> events) {
  Life life;
  for (Event event : events)
    life = step(life, event).next;
  return life;
}

bool does(const Step &step, Action action) { return std::ranges::contains(step.actions, action); }

TEST(Life, AnnouncesOnceQemuRunsAndAnswersInEitherOrder) {
  Step last = step(after({created, qemu_runs}), monitor_ready);
  EXPECT_TRUE(does(last, Action::announce));
  EXPECT_EQ(last.next.phase, Phase::serving);
  last = step(after({created, monitor_ready}), qemu_runs);
  EXPECT_TRUE(does(last, Action::announce));
  EXPECT_FALSE(does(step(last.next, qemu_runs), Action::announce));
}

TEST(Life, CrashesAGuestThatRanWhenItsStubDomainFails) {
  for (Event event : {stub_failed, stub_gone}) {
    Step failed = step(after({created, qemu_runs, monitor_ready}), event);
    EXPECT_TRUE(does(failed, Action::crash_guest));
    EXPECT_TRUE(does(failed, Action::remove_stub_domain));
    EXPECT_EQ(failed.next.outcome, Outcome::failure);
  }
}

TEST(Life, DoesNotCrashAGuestThatHasNotRun) {
  for (Event event : {stub_failed, stub_gone, deadline}) {
    Step failed = step(after({created}), event);
    EXPECT_FALSE(does(failed, Action::crash_guest));
    EXPECT_TRUE(does(failed, Action::remove_stub_domain));
    EXPECT_EQ(failed.next.outcome, Outcome::failure);
  }
}

TEST(Life, DoesNotCrashAGuestWhenAskedToEnd) {
  for (Event event : {end_asked, guest_gone}) {
    Step asked = step(after({created, qemu_runs, monitor_ready}), event);
    EXPECT_THAT(asked.actions, testing::ElementsAre(Action::flush_disks));
    EXPECT_EQ(phase_text(asked.next), "ending");
    for (Event then : {flushed, deadline, stub_failed, stub_gone, killed}) {
      Step end = step(asked.next, then);
      EXPECT_THAT(end.actions, testing::ElementsAre(Action::remove_stub_domain)) << int(then);
      EXPECT_EQ(end.next.outcome, Outcome::success);
    }
    EXPECT_THAT(step(asked.next, guest_gone).actions, testing::IsEmpty()) << "once";
  }
}

TEST(Life, WhatAGuestHasWrittenIsWrittenBackAlsoWhileItsNextDeviceModelIsMade) {
  for (Life life : {after({created, qemu_runs, monitor_ready, upgrade_asked}),
                    after({created, qemu_runs, monitor_ready, upgrade_asked, next_ready})})
    EXPECT_THAT(
        step(life, guest_gone).actions,
        testing::ElementsAre(Action::drop_next, Action::tell_not_upgraded, Action::flush_disks));
}

TEST(Life, NothingIsWrittenBackForAGuestThatHasNotRun) {
  EXPECT_THAT(step(after({created}), end_asked).actions,
              testing::ElementsAre(Action::remove_stub_domain));
}

// As when it is killed by kill -9.
TEST(Life, CrashesAGuestThatRunsWhenSomebodyKillsItsDeviceModel) {
  Step end = step(after({created, qemu_runs, monitor_ready}), killed);
  EXPECT_TRUE(does(end, Action::crash_guest));
  EXPECT_TRUE(does(end, Action::remove_stub_domain));
  EXPECT_EQ(end.next.outcome, Outcome::failure);
  EXPECT_FALSE(does(step(after({created}), killed), Action::crash_guest));
}

TEST(Life, AGuestThatIsHandedOverLivesOnAndXenForgetsItsQemu) {
  Step asked = step(after({created, qemu_runs, monitor_ready}), hand_over);
  EXPECT_THAT(asked.actions, testing::ElementsAre(Action::retire_qemu));
  EXPECT_EQ(phase_text(asked.next), "ending");
  for (Event event : {stub_gone, stub_failed, deadline}) {
    Step end = step(asked.next, event);
    EXPECT_THAT(end.actions, testing::ElementsAre(Action::remove_stub_domain)) << int(event);
    EXPECT_EQ(end.next.outcome, Outcome::success);
  }
  EXPECT_FALSE(does(step(after({created}), hand_over), Action::crash_guest));
}

TEST(Life, IgnoresTheDeadlineOfTheStartOnceItServes) {
  Life serving = after({created, qemu_runs, monitor_ready});
  EXPECT_EQ(step(serving, deadline).next, serving);
}

TEST(Life, AnUpgradeMakesTheNextOneBesideTheOneThatServes) {
  Life life = after({created, qemu_runs, monitor_ready});
  using enum Action;
  const std::pair<Event, std::vector<Action>> way[] = {
      {upgrade_asked, {create_next}},
      {next_ready, {save_state}},
      {state_saved, {feed_next}},
      {next_has_state, {start_next}},
      {next_runs, {take_over, resume_guest, tell_upgraded}}, // and no announce: libxl was told
  };
  for (const auto &[event, actions] : way) {
    Step next = step(life, event);
    EXPECT_EQ(next.actions, actions) << "event " << int(event);
    life = next.next;
  }
  EXPECT_EQ(life, after({created, qemu_runs, monitor_ready})) << "as if nothing had happened";
}

TEST(Life, AnUpgradeWhoseNextOneFailsBeforeThePauseIsNotNoticedByTheGuest) {
  Step failed = step(after({created, qemu_runs, monitor_ready, upgrade_asked}), next_failed);
  EXPECT_THAT(failed.actions, testing::ElementsAre(Action::drop_next, Action::tell_not_upgraded));
  EXPECT_EQ(failed.next, after({created, qemu_runs, monitor_ready}));
}

TEST(Life, AnUpgradeThatFailsLetsTheGuestRunOnWithWhatItHad) {
  for (const auto &events : {std::vector{save_failed},
                             {next_failed, save_failed},
                             {next_failed, state_saved},
                             {state_saved, next_failed},
                             {state_saved, next_has_state, next_stays}}) {
    Life life = after({created, qemu_runs, monitor_ready, upgrade_asked, next_ready});
    Step last;
    for (Event event : events) {
      last = step(life, event);
      life = last.next;
    }
    EXPECT_THAT(last.actions, testing::ElementsAre(Action::drop_next, Action::resume_qemu,
                                                   Action::tell_not_upgraded));
    EXPECT_EQ(life, after({created, qemu_runs, monitor_ready}));
  }
}

// Which may be its end that was to come.
TEST(Life, TheOneThatIsReplacedMayEndAsSoonAsItsStateIsSaved) {
  for (Event event : {stub_failed, stub_gone}) {
    Step lost = step(
        after({created, qemu_runs, monitor_ready, upgrade_asked, next_ready, state_saved}), event);
    EXPECT_THAT(lost.actions, testing::IsEmpty());
    Step runs = step(step(lost.next, next_has_state).next, next_runs);
    EXPECT_TRUE(does(runs, Action::resume_guest));
    EXPECT_EQ(runs.next, after({created, qemu_runs, monitor_ready}));
    Step both = step(lost.next, next_failed);
    EXPECT_TRUE(does(both, Action::crash_guest));
    EXPECT_TRUE(does(both, Action::tell_not_upgraded));
  }
}

TEST(Life, CrashesAGuestWhoseStateIsLostDuringAnUpgrade) {
  for (Life life : {after({created, qemu_runs, monitor_ready, upgrade_asked}),
                    after({created, qemu_runs, monitor_ready, upgrade_asked, next_ready})}) {
    for (Event event : {stub_failed, stub_gone}) {
      Step lost = step(life, event);
      EXPECT_TRUE(does(lost, Action::crash_guest));
      EXPECT_TRUE(does(lost, Action::tell_not_upgraded));
      EXPECT_TRUE(does(lost, Action::remove_stub_domain)) << "and the next one with it";
      EXPECT_EQ(lost.next.outcome, Outcome::failure);
    }
  }
}

// A request of the guest's may be with the next one by then, which Xen asks nobody else.
TEST(Life, ThereIsNoWayBackFromANextOneThatHasBeenToldToGoOn) {
  Life told = after(
      {created, qemu_runs, monitor_ready, upgrade_asked, next_ready, state_saved, next_has_state});
  for (Event event : {stub_failed, stub_gone}) {
    Step lost = step(told, event);
    EXPECT_THAT(lost.actions, testing::IsEmpty()) << "the former one does not count";
    EXPECT_TRUE(does(step(lost.next, next_runs), Action::take_over));
    EXPECT_TRUE(does(step(lost.next, next_stays), Action::crash_guest)) << "there is none to go on";
  }
  Step failed = step(told, next_failed);
  EXPECT_TRUE(does(failed, Action::crash_guest));
  EXPECT_TRUE(does(failed, Action::tell_not_upgraded));
  EXPECT_TRUE(does(failed, Action::remove_stub_domain));
}

TEST(Life, WhatTheNextOneSaysWhenNobodyUpgradesChangesNothing) {
  Life serving = after({created, qemu_runs, monitor_ready});
  for (Event event :
       {next_ready, next_has_state, next_stays, next_runs, next_failed, state_saved, save_failed})
    EXPECT_EQ(step(serving, event).next, serving);
}

TEST(Life, AResetShutsTheGuestDownAndAsksNothingOfTheStubDomain) {
  Step asked = step(after({created, qemu_runs, monitor_ready}), reset_asked);
  EXPECT_THAT(asked.actions, testing::ElementsAre(Action::reset_guest));
  EXPECT_EQ(asked.next.phase, Phase::serving) << "it serves until the guest has shut down";
  Step down = step(asked.next, guest_reset);
  EXPECT_THAT(down.actions, testing::ElementsAre(Action::remove_stub_domain));
  EXPECT_EQ(down.next.outcome, Outcome::success);
  EXPECT_THAT(step(down.next, removed).actions,
              testing::ElementsAre(Action::tell_reset, Action::finish));
}

// The toolstack sees that the guest has shut down, and may be faster.
TEST(Life, AResetThatTheToolstackEndsIsToldAllTheSame) {
  Life asked = after({created, qemu_runs, monitor_ready, reset_asked});
  for (Event event : {end_asked, guest_gone, stub_gone}) {
    Step over = step(asked, event);
    EXPECT_TRUE(does(over, Action::remove_stub_domain)) << "without asking it for anything";
    EXPECT_TRUE(does(step(over.next, removed), Action::tell_reset));
  }
}

TEST(Life, AGuestThatHasNotRunIsNotReset) {
  for (Life life : {Life{}, after({created}), after({created, end_asked})})
    EXPECT_EQ(step(life, reset_asked).next, life);
  Life serving = after({created, qemu_runs, monitor_ready});
  EXPECT_EQ(step(serving, guest_reset).next, serving) << "nobody has asked";
}

TEST(Life, AResetCutsAnUpgradeShort) {
  for (Life life :
       {after({created, qemu_runs, monitor_ready, upgrade_asked}),
        after({created, qemu_runs, monitor_ready, upgrade_asked, next_ready}),
        after({created, qemu_runs, monitor_ready, upgrade_asked, next_ready, state_saved})}) {
    Step asked = step(life, reset_asked);
    EXPECT_THAT(asked.actions, testing::ElementsAre(Action::reset_guest));
    EXPECT_THAT(step(asked.next, guest_reset).actions,
                testing::ElementsAre(Action::remove_stub_domain));
  }
}

// All states that can be reached, by every event in every one of them.
std::vector<Life> all_reached() {
  std::vector<Life> reached{Life{}, Life{.qemu_runs = true}};
  for (size_t i = 0; i < reached.size(); i++) {
    for (Event event : all_events) {
      Life next = step(reached[i], event).next;
      if (!std::ranges::contains(reached, next))
        reached.push_back(next);
    }
  }
  return reached;
}

TEST(Life, EveryPhaseIsReached) {
  std::vector<Life> reached = all_reached();
  for (Phase phase : all_phases)
    EXPECT_TRUE(std::ranges::contains(reached, phase, &Life::phase)) << int(phase);
}

TEST(Life, KeepsItsPromisesForEveryEventInEveryState) {
  for (const Life &life : all_reached()) {
    for (Event event : all_events) {
      SCOPED_TRACE(testing::Message() << "phase " << int(life.phase) << " event " << int(event));
      Step next = step(life, event);
      auto begins = [&](Phase phase) { return next.next.phase == phase && life.phase != phase; };
      EXPECT_EQ(does(next, Action::remove_stub_domain), begins(Phase::ending)) << "once";
      EXPECT_EQ(does(next, Action::remove_again),
                event == not_removed && life.phase == Phase::ending);
      EXPECT_EQ(does(next, Action::finish), begins(Phase::ended));
      bool guest_runs = life.phase >= Phase::serving && life.phase < Phase::ending;
      if (does(next, Action::crash_guest)) {
        EXPECT_TRUE(guest_runs && next.next.phase == Phase::ending);
      }
      // A guest that runs and has lost its device model crashes; it is never left alone.
      if (begins(Phase::ending) && next.next.outcome == Outcome::failure && guest_runs) {
        EXPECT_TRUE(does(next, Action::crash_guest));
      }
      // Who asked for an upgrade is told the end of it, once, unless somebody else has asked for a
      // reset since; who did that is told, once, at the end of all.
      auto upgrading = [](const Life &one) {
        return one.phase > Phase::serving && one.phase < Phase::retiring;
      };
      EXPECT_EQ(does(next, Action::tell_upgraded) || does(next, Action::tell_not_upgraded),
                upgrading(life) && !upgrading(next.next) && !next.next.reset_asked);
      EXPECT_EQ(does(next, Action::tell_reset), begins(Phase::ended) && life.reset_asked);
      // A guest that was paused runs again, unless it ends.
      EXPECT_EQ(does(next, Action::resume_guest) || does(next, Action::resume_qemu),
                upgrading(life) && life.phase != Phase::preparing &&
                    next.next.phase == Phase::serving);
      // There is one stub domain again when an upgrade is over; at the end of all none.
      EXPECT_EQ(does(next, Action::take_over) || does(next, Action::drop_next),
                upgrading(life) &&
                    (next.next.phase == Phase::serving || next.next.phase == Phase::flushing));
    }
  }
}

// The keeper stays until linstub-dm finishes.
TEST(Life, RemovesAStubDomainAgainUntilItIsGone) {
  Life ending = after({created, qemu_runs, monitor_ready, end_asked, flushed});
  for (int i = 0; i < 3; i++) {
    Step again = step(ending, not_removed);
    EXPECT_THAT(again.actions, testing::ElementsAre(Action::remove_again));
    EXPECT_EQ(again.next, ending);
  }
  EXPECT_TRUE(does(step(ending, removed), Action::finish));
}

TEST(Life, EndsFromEveryState) {
  for (const Life &life : all_reached()) {
    Life end = step(step(step(life, end_asked).next, flushed).next, removed).next;
    EXPECT_EQ(end.phase, Phase::ended);
    EXPECT_TRUE(step(end, stub_gone).actions.empty());
  }
}

TEST(Life, KeepsItsFirstOutcome) {
  Life failed = after({created, stub_failed});
  EXPECT_EQ(step(failed, end_asked).next.outcome, Outcome::failure);
}

} // namespace
} // namespace linstub::dm
