// SPDX-License-Identifier: MIT
#include "broker/keeper.hpp"
#include "fake/program.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace linstub::broker {
namespace {

using base::Deadline;
using base::Milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr Milliseconds second{1000};
constexpr Pulse pulse{.interval = 5 * second, .longest_silence = 45 * second};

// --- What it does -------------------------------------------------------------------------------

Judgement after(const std::vector<Seen> &all) {
  Judgement judgement;
  for (const Seen &seen : all)
    judgement = judge(judgement.next, seen, pulse);
  return judgement;
}

Seen silent(Milliseconds passed = 5 * second) { return {.passed = passed}; }

TEST(KeeperJudges, ThatABeatEndsTheSilence) {
  EXPECT_EQ(after({silent(), silent()}).next.silence, 10 * second);
  Judgement beaten = after({silent(), silent(), {.passed = second, .beat = true}});
  EXPECT_EQ(beaten.next.silence, Milliseconds(0));
  EXPECT_EQ(beaten.duty, Duty::look_on);
}

TEST(KeeperJudges, ThatALinstubDmIsKilledOnceWhenItHasBeenSilentForTooLong) {
  std::vector<Seen> looks(8, silent());
  EXPECT_EQ(after(looks).duty, Duty::look_on);
  looks.push_back(silent());
  EXPECT_EQ(after(looks).duty, Duty::kill);
  looks.push_back(silent());
  EXPECT_EQ(after(looks).duty, Duty::look_on) << "whoever holds the pipe still is waited for";
  looks.push_back({.passed = second, .ended = true});
  EXPECT_EQ(after(looks).duty, Duty::rescue);
}

TEST(KeeperJudges, ThatNothingIsExpectedOfWhoHoldsThePipeAfterLinstubDmsDeath) {
  std::vector<Seen> looks(100, Seen{.passed = 5 * second, .alive = false});
  EXPECT_EQ(after(looks).duty, Duty::look_on);
  looks.push_back({.ended = true, .alive = false});
  EXPECT_EQ(after(looks).duty, Duty::rescue);
}

TEST(KeeperJudges, ThatADismissalComesBeforeTheEndOfThePipe) {
  EXPECT_EQ(after({{.beat = true, .dismissed = true, .ended = true, .alive = false}}).duty,
            Duty::leave);
}

// --- Real processes -----------------------------------------------------------------------------

constexpr Pulse quick{.interval = Milliseconds(50), .longest_silence = Milliseconds(1000)};

class KeeperAtWork : public ::testing::Test {
protected:
  // A linstub-dm, as far as its keeper can see.
  pid_t linstub_dm(const std::function<void(Keeper &)> &life) const {
    pid_t pid = ::fork();
    if (pid != 0)
      return pid;
    auto keeper = Keeper::start(xen::DomId{5}, program.path().c_str(), quick);
    if (keeper)
      life(*keeper);
    ::_exit(keeper ? 0 : 1);
  }
  // The signal that has ended it, 0 for none.
  static int end_of(pid_t pid) {
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }
  [[nodiscard]] bool rescues_within(Milliseconds time) const {
    Deadline deadline = Deadline::after(time);
    while (program.calls().empty() && !deadline.passed())
      ::usleep(10'000);
    return !program.calls().empty();
  }
  static void beat_for(Keeper &keeper, Milliseconds time) {
    for (Deadline end = Deadline::after(time); !end.passed(); ::usleep(10'000))
      keeper.beat();
  }
  static void sleep_for(Milliseconds time) {
    ::usleep(static_cast<useconds_t>(std::chrono::microseconds(time).count()));
  }

  fake::Program program;
};

TEST_F(KeeperAtWork, GoesWhenItIsDismissed) {
  EXPECT_EQ(end_of(linstub_dm([](Keeper &keeper) {
              beat_for(keeper, Milliseconds(100));
              keeper.dismiss();
              sleep_for(2 * quick.longest_silence);
            })),
            0);
  EXPECT_THAT(program.calls(), IsEmpty());
}

TEST_F(KeeperAtWork, RescuesWhenLinstubDmDies) {
  EXPECT_EQ(end_of(linstub_dm([](Keeper &keeper) {
              keeper.beat();
              ::raise(SIGKILL);
            })),
            SIGKILL);
  ASSERT_TRUE(rescues_within(10 * second));
  EXPECT_THAT(program.calls(), ElementsAre("rescue 5"));
}

TEST_F(KeeperAtWork, LeavesALinstubDmThatBeatsAlone) {
  EXPECT_EQ(end_of(linstub_dm([](Keeper &keeper) {
              beat_for(keeper, 2 * quick.longest_silence);
              keeper.dismiss();
            })),
            0);
  EXPECT_THAT(program.calls(), IsEmpty());
}

TEST_F(KeeperAtWork, KillsALinstubDmThatHangsAndThenRescues) {
  EXPECT_EQ(end_of(linstub_dm([](Keeper &keeper) {
              beat_for(keeper, Milliseconds(100));
              sleep_for(30 * second);
            })),
            SIGKILL);
  ASSERT_TRUE(rescues_within(10 * second));
  EXPECT_THAT(program.calls(), ElementsAre("rescue 5"));
}

TEST_F(KeeperAtWork, WaitsForWhoMakesAStubDomainBeforeItRescues) {
  pid_t pid = linstub_dm([](Keeper &keeper) {
    if (::fork() == 0) { // holds the pipe, as linstub-stubdom does, and does not beat
      sleep_for(2 * quick.longest_silence);
      ::_exit(0);
    }
    keeper.beat();
    ::raise(SIGKILL);
  });
  EXPECT_EQ(end_of(pid), SIGKILL);
  EXPECT_FALSE(rescues_within(quick.longest_silence));
  EXPECT_TRUE(rescues_within(10 * second));
}

TEST_F(KeeperAtWork, DoesNotHoldUpALinstubDmWhenItDoesNotRead) {
  EXPECT_EQ(end_of(linstub_dm([](Keeper &keeper) {
              for (int i = 0; i < 200'000; i++) // more than a pipe takes
                keeper.beat();
              keeper.dismiss();
            })),
            0);
}

} // namespace
} // namespace linstub::broker
