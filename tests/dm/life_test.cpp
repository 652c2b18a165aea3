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
    Step end = step(after({created, qemu_runs, monitor_ready}), event);
    EXPECT_FALSE(does(end, Action::crash_guest));
    EXPECT_TRUE(does(end, Action::remove_stub_domain));
    EXPECT_EQ(end.next.outcome, Outcome::success);
  }
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

TEST(Life, AnUpgradeSavesRetiresRemovesAndMakesAnother) {
  Life life = after({created, qemu_runs, monitor_ready});
  using enum Action;
  const std::pair<Event, std::vector<Action>> way[] = {
      {upgrade_asked, {save_state}},
      {state_saved, {retire_qemu}},
      {stub_gone, {forget_stub_domain, remove_stub_domain}},
      {removed, {create_upgraded}},
      {created, {follow_stub_domain}},
      {qemu_runs, {}},
      {monitor_ready, {resume_guest, tell_upgraded}}, // and no announce: libxl was told before
  };
  for (const auto &[event, actions] : way) {
    Step next = step(life, event);
    EXPECT_EQ(next.actions, actions) << "event " << int(event);
    life = next.next;
  }
  EXPECT_EQ(life, after({created, qemu_runs, monitor_ready})) << "as if nothing had happened";
}

TEST(Life, AnUpgradeThatCannotSaveLetsTheGuestRunOn) {
  Step failed = step(after({created, qemu_runs, monitor_ready, upgrade_asked}), save_failed);
  EXPECT_THAT(failed.actions, testing::ElementsAre(Action::resume_qemu, Action::resume_guest,
                                                   Action::tell_not_upgraded));
  EXPECT_EQ(failed.next, after({created, qemu_runs, monitor_ready}));
}

TEST(Life, AnUpgradeThatFailsGoesBackToTheOldImageOnce) {
  Life upgrading =
      after({created, qemu_runs, monitor_ready, upgrade_asked, state_saved, stub_gone, removed});
  for (Event event : {creation_failed, stub_failed, stub_gone, deadline}) {
    Step failed = step(upgrading, event);
    EXPECT_TRUE(does(failed, Action::remove_stub_domain));
    EXPECT_FALSE(does(failed, Action::crash_guest));
    Step again = step(failed.next, removed);
    EXPECT_TRUE(does(again, Action::create_fallback));
    EXPECT_TRUE(does(step(again.next, event), Action::crash_guest));
    Life back = step(step(again.next, created).next, qemu_runs).next;
    EXPECT_THAT(step(back, monitor_ready).actions,
                testing::ElementsAre(Action::resume_guest, Action::tell_not_upgraded));
  }
}

TEST(Life, CrashesAGuestWhoseStateIsLostDuringAnUpgrade) {
  Life saving = after({created, qemu_runs, monitor_ready, upgrade_asked});
  for (Event event : {stub_failed, stub_gone}) {
    Step lost = step(saving, event);
    EXPECT_TRUE(does(lost, Action::crash_guest));
    EXPECT_TRUE(does(lost, Action::tell_not_upgraded));
    EXPECT_EQ(lost.next.outcome, Outcome::failure);
  }
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
    EXPECT_TRUE(does(over, Action::remove_stub_domain));
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
  for (Life life : {after({created, qemu_runs, monitor_ready, upgrade_asked}),
                    after({created, qemu_runs, monitor_ready, upgrade_asked, state_saved}),
                    after({created, qemu_runs, monitor_ready, upgrade_asked, state_saved, stub_gone,
                           removed})}) {
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

TEST(Life, EveryPhaseAndAttemptIsReached) {
  std::vector<Life> reached = all_reached();
  for (Phase phase : all_phases)
    EXPECT_TRUE(std::ranges::contains(reached, phase, &Life::phase)) << int(phase);
  for (Attempt attempt : all_attempts)
    EXPECT_TRUE(std::ranges::contains(reached, attempt, &Life::attempt)) << int(attempt);
}

TEST(Life, KeepsItsPromisesForEveryEventInEveryState) {
  for (const Life &life : all_reached()) {
    for (Event event : all_events) {
      SCOPED_TRACE(testing::Message() << "phase " << int(life.phase) << " attempt "
                                      << int(life.attempt) << " event " << int(event));
      Step next = step(life, event);
      auto begins = [&](Phase phase) { return next.next.phase == phase && life.phase != phase; };
      // A removal is asked for once: when the end begins, unless one is under way, and when the
      // stub domain of an upgrade makes room for the next.
      EXPECT_EQ(does(next, Action::remove_stub_domain),
                (begins(Phase::ending) && life.phase != Phase::removing) ||
                    begins(Phase::removing));
      EXPECT_EQ(does(next, Action::remove_again),
                event == not_removed &&
                    (life.phase == Phase::ending || life.phase == Phase::removing));
      EXPECT_EQ(does(next, Action::finish), begins(Phase::ended));
      bool guest_runs = life.phase == Phase::serving || life.phase == Phase::saving ||
                        life.attempt != Attempt::first || life.phase == Phase::retiring ||
                        life.phase == Phase::removing;
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
        return !one.handed_over && one.phase < Phase::ending &&
               (one.phase > Phase::serving || one.attempt != Attempt::first);
      };
      EXPECT_EQ(does(next, Action::tell_upgraded) || does(next, Action::tell_not_upgraded),
                upgrading(life) && !upgrading(next.next) && !next.next.reset_asked);
      EXPECT_EQ(does(next, Action::tell_reset), begins(Phase::ended) && life.reset_asked);
      // A guest that was paused runs again, unless it ends.
      EXPECT_EQ(does(next, Action::resume_guest),
                upgrading(life) && next.next.phase == Phase::serving);
    }
  }
}

// The keeper stays until linstub-dm finishes.
TEST(Life, RemovesAStubDomainAgainUntilItIsGone) {
  Life ending = after({created, qemu_runs, monitor_ready, end_asked});
  for (int i = 0; i < 3; i++) {
    Step again = step(ending, not_removed);
    EXPECT_THAT(again.actions, testing::ElementsAre(Action::remove_again));
    EXPECT_EQ(again.next, ending);
  }
  EXPECT_TRUE(does(step(ending, removed), Action::finish));
}

TEST(Life, AnUpgradeMakesNoSecondStubDomainBesideOneThatDoesNotGo) {
  Life removing = after({created, qemu_runs, monitor_ready, upgrade_asked, state_saved, stub_gone});
  Step next = step(removing, not_removed);
  EXPECT_THAT(next.actions, testing::ElementsAre(Action::crash_guest, Action::tell_not_upgraded,
                                                 Action::remove_again));
  EXPECT_EQ(next.next.phase, Phase::ending);
  EXPECT_EQ(next.next.outcome, Outcome::failure);
}

TEST(Life, EndsFromEveryState) {
  for (const Life &life : all_reached()) {
    Life end = step(step(life, end_asked).next, removed).next;
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
