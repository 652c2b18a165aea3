// SPDX-License-Identifier: MIT
#include "dm/upgrade_fixture.hpp"

namespace linstub::dm {
namespace {

using testing::AllOf;

using ResetTest = UpgradeTest;

TEST_F(ResetTest, AResetShutsTheGuestDownAndAsksTheStubDomainNothing) {
  auto client = ask_for_reset();
  await_phase(Phase::ending);
  EXPECT_THAT(upgrade_events, ElementsAre(Event::reset_asked, Event::guest_reset));
  EXPECT_THAT(xen.calls, ElementsAre(call_of("shutdown", " 1")));
  settle();
  EXPECT_THAT(stub.asked, IsEmpty());
  EXPECT_FALSE(stub.has(wire::Service::retire));
  EXPECT_FALSE(stub.has(wire::Service::save));
  EXPECT_FALSE(saver.expects_arrival()) << "no state is carried over";
  xen.domains.erase(xen::number(stub_domid));
  happened(Event::removed, {});
  until([&] { return client->last().kind == run::ControlReply::Kind::done; });
  EXPECT_EQ(client->last().text,
            "guest sunny has shut down for a reboot, and its stub domain is removed: whether both "
            "are made anew, on_reboot in the guest's configuration decides");
}

// A QEMU that belongs to the guest leaves a request unanswered, and Xen waits for that.
TEST_F(ResetTest, AGuestThatItsDeviceModelKeepsFromShuttingDownIsCrashed) {
  xen.domains[xen::number(guest)].looks_until_suspended = 1'000'000'000;
  auto client = ask_for_reset();
  await_phase(Phase::ending);
  EXPECT_EQ(xen.calls.front(), call_of("shutdown", " 1"));
  EXPECT_EQ(xen.domains[xen::number(guest)].shutdown, 3U) << "crashed";
  xen.domains.erase(xen::number(stub_domid));
  happened(Event::removed, {});
  until([&] { return client->last().kind == run::ControlReply::Kind::done; });
  EXPECT_THAT(client->last().text, AllOf(HasSubstr("was crashed"), HasSubstr("on_crash")));
}

TEST_F(ResetTest, AResetIsPossibleWhileAnUpgradeIsUnderWay) {
  stub.leave("stop");
  auto first = begin();
  until([this] { return stub.was_asked("stop"); });
  first.reset();
  settle();
  xen.calls.clear();
  auto client = ask_for_reset();
  await_phase(Phase::ending);
  EXPECT_THAT(xen.calls, ElementsAre(call_of("shutdown", " 1")));
}

TEST_F(ResetTest, AResetIsRefusedWhereThereIsNothingToReset) {
  for (Phase phase : {Phase::creating, Phase::booting, Phase::ending}) {
    life.phase = phase;
    auto client = ask_for_reset();
    until([&] { return client->last().kind == run::ControlReply::Kind::error; });
    EXPECT_THAT(client->last().text, HasSubstr("no guest that could be reset"));
  }
  EXPECT_THAT(upgrade_events, IsEmpty());
  EXPECT_THAT(xen.calls, IsEmpty());
}

} // namespace
} // namespace linstub::dm
