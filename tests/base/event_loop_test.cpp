// SPDX-License-Identifier: MIT
#include "base/event_loop.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <vector>

namespace linstub::base {
namespace {

using ::testing::ElementsAre;

class Loop : public ::testing::Test {
protected:
  std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
  Deadline soon_ = Deadline::after(Milliseconds(2000));
};

TEST_F(Loop, CallsWhenADescriptorIsReady) {
  Pipe pipe = make_pipe().value();
  std::string got;
  auto watch = loop_->watch(pipe.read.get(), EPOLLIN, [&](uint32_t) {
    char c = 0;
    ASSERT_EQ(::read(pipe.read.get(), &c, 1), 1);
    got.push_back(c);
    if (got.size() == 2)
      loop_->stop();
  });
  ASSERT_TRUE(watch);
  ASSERT_TRUE(write_all(pipe.write, "ab"));
  ASSERT_TRUE(loop_->run_until(soon_));
  EXPECT_EQ(got, "ab");
}

TEST_F(Loop, TimersExpireInOrder) {
  std::vector<int> order;
  auto late = loop_->at(Deadline::after(Milliseconds(20)), [&] {
    order.push_back(2);
    loop_->stop();
  });
  auto early = loop_->at(Deadline::after(Milliseconds(5)), [&] { order.push_back(1); });
  ASSERT_TRUE(loop_->run_until(soon_));
  EXPECT_THAT(order, ElementsAre(1, 2));
}

TEST_F(Loop, SoonIsAfterTheCallbackThatAsksForItAndInOrder) {
  std::vector<int> order;
  EventLoop::Handle first;
  EventLoop::Handle second;
  auto start = loop_->soon([&] {
    first = loop_->soon([&] { order.push_back(2); });
    second = loop_->soon([&] {
      order.push_back(3);
      loop_->stop();
    });
    order.push_back(1);
  });
  EXPECT_THAT(order, ElementsAre());
  ASSERT_TRUE(loop_->run_until(soon_));
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
}

TEST_F(Loop, DestroyedHandleIsNotCalled) {
  bool called = false;
  {
    auto timer = loop_->at(Deadline::after(Milliseconds(1)), [&] { called = true; });
  }
  ASSERT_TRUE(loop_->run_until(Deadline::after(Milliseconds(20))));
  EXPECT_FALSE(called);
}

TEST_F(Loop, CallbackMayEndItsOwnWatch) {
  Pipe pipe = make_pipe().value();
  EventLoop::Handle watch;
  int calls = 0;
  watch = loop_
              ->watch(pipe.read.get(), EPOLLIN,
                      [&](uint32_t) {
                        calls++;
                        watch.reset();
                      })
              .value();
  ASSERT_TRUE(write_all(pipe.write, "a"));
  ASSERT_TRUE(loop_->run_until(Deadline::after(Milliseconds(20))));
  EXPECT_EQ(calls, 1);
}

TEST_F(Loop, ExpiredTimerMayBeReplacedFromItsCallback) {
  EventLoop::Handle timer;
  int calls = 0;
  std::function<void()> again = [&] {
    if (++calls == 3)
      loop_->stop();
    else
      timer = loop_->at(Deadline::after(Milliseconds(1)), again);
  };
  timer = loop_->at(Deadline::after(Milliseconds(1)), again);
  ASSERT_TRUE(loop_->run_until(soon_));
  EXPECT_EQ(calls, 3);
}

TEST_F(Loop, PausedWatchIsNotCalled) {
  Pipe pipe = make_pipe().value();
  int calls = 0;
  auto watch = loop_->watch(pipe.read.get(), EPOLLIN, [&](uint32_t) { calls++; }).value();
  ASSERT_TRUE(write_all(pipe.write, "a"));
  ASSERT_TRUE(loop_->change(watch, 0));
  ASSERT_TRUE(loop_->run_until(Deadline::after(Milliseconds(10))));
  EXPECT_EQ(calls, 0);
}

TEST_F(Loop, ReportsSignals) {
  int got = 0;
  auto watch = loop_->on_signals({SIGUSR2}, [&](int signal) {
    got = signal;
    loop_->stop();
  });
  ASSERT_TRUE(watch);
  ASSERT_EQ(::raise(SIGUSR2), 0);
  ASSERT_TRUE(loop_->run_until(soon_));
  EXPECT_EQ(got, SIGUSR2);
}

TEST_F(Loop, EndsAtItsDeadline) {
  Deadline deadline = Deadline::after(Milliseconds(5));
  ASSERT_TRUE(loop_->run_until(deadline));
  EXPECT_TRUE(deadline.passed());
  EXPECT_FALSE(soon_.passed());
}

TEST_F(Loop, KnowsItsLongestTurn) {
  auto nothing = loop_->soon([] {});
  ASSERT_TRUE(loop_->run_until(Deadline::after(Milliseconds(1))));
  auto sleeper = loop_->soon([&] {
    ::usleep(30'000);
    loop_->stop();
  });
  ASSERT_TRUE(loop_->run_until(soon_));
  EXPECT_GE(loop_->longest_turn().time, Milliseconds(30));
  EXPECT_LT(loop_->longest_turn().cpu, Milliseconds(30)) << "it slept";
  const auto longest = loop_->longest_turn().time;
  auto short_one = loop_->soon([&] { loop_->stop(); });
  ASSERT_TRUE(loop_->run_until(soon_));
  EXPECT_GE(loop_->longest_turn().time, longest);
}

} // namespace
} // namespace linstub::base
