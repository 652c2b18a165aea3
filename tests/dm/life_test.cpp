#include "dm/life.hpp"

#include <gtest/gtest.h>

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

const Event all_events[] = {created,     creation_failed, qemu_runs,  monitor_ready, deadline,
                            stub_failed, stub_gone,       guest_gone, end_asked,     removed};

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

TEST(Life, IgnoresTheDeadlineOfTheStartOnceItServes) {
  Life serving = after({created, qemu_runs, monitor_ready});
  EXPECT_EQ(step(serving, deadline).next, serving);
}

// Every event in every state that can be reached.
TEST(Life, EndsFromEveryStateAndRemovesTheStubDomainOnce) {
  std::vector<Life> reached{Life{}, Life{.qemu_runs = true}};
  for (size_t i = 0; i < reached.size(); i++) {
    for (Event event : all_events) {
      Step next = step(reached[i], event);
      SCOPED_TRACE(testing::Message()
                   << "phase " << int(reached[i].phase) << " event " << int(event));
      // The stub domain is removed exactly when the end begins, and finish comes exactly at the
      // end.
      bool ends = next.next.phase == Phase::ending && reached[i].phase != Phase::ending;
      EXPECT_EQ(does(next, Action::remove_stub_domain), ends);
      EXPECT_EQ(does(next, Action::finish),
                next.next.phase == Phase::ended && reached[i].phase != Phase::ended);
      EXPECT_GE(next.next.phase, reached[i].phase) << "no way back";
      if (does(next, Action::crash_guest)) {
        EXPECT_EQ(reached[i].phase, Phase::serving);
      }
      if (!std::ranges::contains(reached, next.next))
        reached.push_back(next.next);
    }
  }
  for (const Life &life : reached) {
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
