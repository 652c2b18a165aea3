// SPDX-License-Identifier: MIT
#include "fake/turns.hpp"
#include "fake/xenstore.hpp"
#include "stub/guest_calls.hpp"
#include "wire/paths.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

namespace linstub::stub {
namespace {

class GuestCallsTest : public testing::Test {
protected:
  GuestCallsTest()
      : calls(GuestCalls::open(*loop, xenstore).value()), qemu(calls->take_end_of_qemu()) {}

  void ask(std::string_view text) {
    ASSERT_EQ(::send(qemu.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    fake::serve_ready(*loop);
  }
  void dom0_answers(std::string_view text) {
    store.write(base::format("/local/domain/0/{}", wire::answer_node), text);
    calls->look();
  }
  [[nodiscard]] std::string asked_of_dom0() {
    return store.read(base::format("/local/domain/0/{}", wire::call_node)).value_or("nothing");
  }
  // Empty: it still waits.
  [[nodiscard]] std::string answer() const {
    std::array<char, 16> text{};
    const ssize_t got = ::recv(qemu.get(), text.data(), text.size(), MSG_DONTWAIT);
    return got > 0 ? std::string(text.data(), static_cast<size_t>(got)) : std::string();
  }

  fake::Xenstore store;
  xen::Xenstore xenstore = xen::Xenstore::connect().value();
  std::unique_ptr<base::EventLoop> loop = base::EventLoop::create().value();
  std::unique_ptr<GuestCalls> calls;
  base::Fd qemu;
};

TEST_F(GuestCallsTest, GoToDom0AndTheAnswerBack) {
  ask("populate 28672 4096");
  EXPECT_EQ(asked_of_dom0(), "1 populate 28672 4096");
  EXPECT_EQ(answer(), "");
  dom0_answers("1 0");
  EXPECT_EQ(answer(), "0");
  ask("s-state 3");
  EXPECT_EQ(asked_of_dom0(), "2 s-state 3");
  dom0_answers("1 0"); // that of the former one
  EXPECT_EQ(answer(), "");
  dom0_answers("2 12");
  EXPECT_EQ(answer(), "12");
  dom0_answers("2 0"); // once is enough
  EXPECT_EQ(answer(), "");
}

TEST_F(GuestCallsTest, WhatNobodyKnowsDoesNotReachDom0) {
  for (const char *text : {"populate", "populate 1 1 1", "domctl 1", "1 populate 1 1"}) {
    ask(text);
    EXPECT_EQ(answer(), std::to_string(EINVAL)) << text;
  }
  EXPECT_EQ(asked_of_dom0(), "nothing");
}

TEST_F(GuestCallsTest, OneAtATime) {
  ask("populate 1 1");
  ask("populate 2 1");
  EXPECT_EQ(answer(), std::to_string(EBUSY));
  EXPECT_EQ(asked_of_dom0(), "1 populate 1 1");
}

TEST_F(GuestCallsTest, AQemuThatHasEndedIsNotWaitedFor) {
  ask("populate 1 1");
  EXPECT_EQ(asked_of_dom0(), "1 populate 1 1");
  qemu = base::Fd();
  fake::serve_ready(*loop);
  dom0_answers("1 0");
  EXPECT_EQ(asked_of_dom0(), "1 populate 1 1");
}

} // namespace
} // namespace linstub::stub
