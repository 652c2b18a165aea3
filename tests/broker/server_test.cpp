// SPDX-License-Identifier: MIT
#include "broker/server.hpp"
#include "broker/surroundings.hpp"
#include "fake/image_lock.hpp"
#include "fake/memory_file.hpp"
#include "sys/unix_socket.hpp"
#include "xen/xen_headers.hpp"

#include <fcntl.h>
#include <sys/socket.h>

namespace linstub::broker {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

// The device model process is the test, and hostile.
class ServerTest : public Surroundings {
protected:
  MessageSocket &model() { return ends.second; }

  void say(const Message &message) { ASSERT_TRUE(model().send(message)); }
  // What it is told next, of that type.
  Message hear(Type type) {
    std::optional<Message> heard;
    until([&] {
      auto message = model().receive();
      if (message && *message && (*message)->type == type)
        heard = std::move(**message);
      return heard.has_value();
    });
    return std::move(*heard);
  }
  Message ask(Message request) {
    request.number = ++number_;
    say(request);
    return hear(Type::answer);
  }
  void make_stub_domain() { EXPECT_EQ(ask({.type = Type::create}).value, 6U); }
  void serve() {
    make_stub_domain();
    say({.type = Type::announce});
    until([this] { return running(); });
  }
  bool running() {
    return store.read("/local/domain/0/device-model/" + guest_text() + "/state") == "running";
  }
  // That the process is given up; why.
  std::string lost() {
    until([this] { return !server->outcome(); });
    until([this] { return called("destroy " + guest_text()); });
    return server->outcome().error().message();
  }
  [[nodiscard]] std::string crash() const { return "shutdown " + guest_text() + " 3"; }

private:
  uint32_t number_ = 0;
};

TEST_F(ServerTest, MakesAnnouncesAndRemovesAStubDomain) {
  open();
  serve();
  store.remove("/local/domain/0/device-model/" + guest_text()); // libxl ends it
  server->end_asked();
  EXPECT_EQ(ask({.type = Type::remove}).second, "");
  EXPECT_THAT(program.calls(), ElementsAre("create", "destroy " + guest_text()));
  say({.type = Type::finished});
  fake::serve_ready(*loop);
  EXPECT_TRUE(server->outcome());
  EXPECT_THAT(xen.calls, IsEmpty());
}

TEST_F(ServerTest, ThePlanIsItsOwn) {
  open();
  make_stub_domain();
  EXPECT_THAT(program.input(), HasSubstr("\"sunny-dm\""));
}

// libxl passes the state of a guest that is restored as an open file.
TEST_F(ServerTest, AGuestThatIsRestoredStartsFromTheStateThatLibxlPasses) {
  plan.incoming = fake::memory("state of QEMU").release();
  open();
  make_stub_domain();
  EXPECT_THAT(program.input(), HasSubstr("xvdaa"));
  EXPECT_THAT(program.input(), HasSubstr("-incoming"));
}

TEST_F(ServerTest, AStateThatIsNoneIsRefusedBeforeAnythingIsMade) {
  plan.incoming = fake::memory("").release();
  auto refused = try_open(plenty);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), StartsWith("restore the device model: "));
  EXPECT_THAT(program.calls(), IsEmpty());
}

TEST_F(ServerTest, TellsWhatTheStubDomainSays) {
  open();
  make_stub_domain();
  store.write("/local/domain/6/data/linstub/state", "qemu");
  EXPECT_EQ(hear(Type::word).value, std::to_underlying(StubWord::qemu));
  store.write("/local/domain/6/device-model/" + guest_text() + "/state", "running");
  hear(Type::qemu_runs);
  store.write("/local/domain/6/data/linstub/error", "no disk");
  store.write("/local/domain/6/data/linstub/state", "failed");
  EXPECT_EQ(hear(Type::stub_failed).first, "the stub domain has failed: no disk");
}

TEST_F(ServerTest, AVirtualCpuThatWasPluggedIsInThePlan) {
  open();
  serve();
  say({.type = Type::cpu_plugged,
       .first = "qemu32-i386-cpu,id=cpu-1,socket-id=1,core-id=0,thread-id=0"});
  until([this] { return !plan.qemu.empty(); });
  say({.type = Type::cpu_plugged, .first = "usb-host,id=cpu-2"});
  say({.type = Type::cpu_unplugged, .first = "cpu-1"});
  until([this] { return plan.qemu.empty(); });
}

// libxl takes its nodes away before it lets a device model end.
class WhyItEnds : public ServerTest {
protected:
  const std::string nodes = "/local/domain/0/device-model/" + guest_text();
  End heard() { return static_cast<End>(hear(Type::end_asked).value); }
};

TEST_F(WhyItEnds, ASignalWhileTheGuestRunsIsAKill) {
  open();
  serve();
  server->end_asked();
  EXPECT_EQ(heard(), End::killed);
  EXPECT_FALSE(server->handed_over());
}

TEST_F(WhyItEnds, TheToolstackHasTakenItsNodesAway) {
  open();
  serve();
  store.remove(nodes);
  server->end_asked();
  EXPECT_EQ(heard(), End::orderly);
}

// Which is how libxl does it if it knows a user of the device model: it sends no signal.
TEST_F(WhyItEnds, ThatIsEnoughWithoutASignal) {
  open();
  serve();
  store.remove(nodes);
  EXPECT_EQ(heard(), End::orderly);
}

TEST_F(WhyItEnds, AGuestThatHasShutDownNeedsItNoMore) {
  open();
  serve();
  xen.domains[xen::number(guest)].shutdown = 0;
  server->end_asked();
  EXPECT_EQ(heard(), End::orderly);
}

TEST_F(WhyItEnds, AGuestThatHasNotRunIsLibxls) {
  open();
  make_stub_domain();
  server->end_asked();
  EXPECT_EQ(heard(), End::orderly);
}

TEST_F(WhyItEnds, ASoftResetGivesTheGuestToAnotherOne) {
  open();
  serve();
  xen.domains[xen::number(guest)].shutdown = 5;
  store.remove(nodes);
  store.write(nodes + "/linstub-dm", "1"); // and that one serves it already
  EXPECT_EQ(heard(), End::hand_over);
  EXPECT_TRUE(server->handed_over());
}

TEST_F(ServerTest, ADeathOfTheProcessCrashesAGuestThatHasRunAndRemovesItsStubDomain) {
  open();
  serve();
  model().release().reset();
  EXPECT_THAT(lost(), HasSubstr("it has ended"));
  EXPECT_THAT(xen.calls, Contains(crash()));
}

TEST_F(ServerTest, ADeathOfTheProcessWhileTheGuestStartsIsLibxlsToDealWith) {
  open();
  make_stub_domain();
  model().release().reset();
  lost();
  EXPECT_THAT(xen.calls, Not(Contains(crash())));
}

TEST_F(ServerTest, AStubDomainThatIsJustBeingMadeWhenTheProcessDiesIsRemovedToo) {
  open();
  program.hold();
  say({.type = Type::create, .number = 1});
  until([this] { return called("create"); });
  model().release().reset();
  fake::serve_ready(*loop);
  EXPECT_THAT(program.calls(), ElementsAre("create"));
  program.let_go();
  lost();
}

// Its removal is asked for while the guest is suspended: a save may fail, and it is resumed then.
TEST_F(ServerTest, AGuestThatIsResumedWithoutADeviceModelCrashes) {
  open();
  serve();
  auto &its = xen.domains[xen::number(guest)];
  its.shutdown = SHUTDOWN_suspend;
  say({.type = Type::crash_guest});
  ask({.type = Type::remove});
  say({.type = Type::finished});
  model().release().reset();
  fake::serve_ready(*loop);
  EXPECT_THAT(xen.calls, IsEmpty());
  its.shutdown.reset();
  until([this] { return !xen.calls.empty(); });
  EXPECT_THAT(xen.calls, Contains(crash()));
}

// A reset that was asked for is not one that was done.
TEST_F(ServerTest, AGuestThatWasToBeResetAndWasNotCrashesWithItsStubDomain) {
  open();
  serve();
  const base::Fd client = sys::connect_unix(run::control_path(guest)).value();
  using Kind = run::UpgradeRequest::Kind;
  ASSERT_TRUE(base::write_all(client, run::encode(run::UpgradeRequest{.kind = Kind::reset})));
  hear(Type::reset_asked);
  ask({.type = Type::remove});
  EXPECT_THAT(xen.calls, Contains(crash()));
}

// What the predecessor of the guest has is waited for, for seconds.
class AnImageThatSomebodyHas : public ServerTest {
protected:
  AnImageThatSomebodyHas() {
    plan.pv_disks.push_back({.path = "/guest.img", .vdev = "xvda"});
    locks.of_others = {"/guest.img"};
    open();
    say({.type = Type::create, .number = 1});
    until([this] { return !server->nothing_left(); });
  }
  ~AnImageThatSomebodyHas() override { locks.of_others.clear(); }

  fake::ImageLocks &locks = fake::image_locks();
};

TEST_F(AnImageThatSomebodyHas, IsWaitedFor) {
  locks.of_others.clear();
  EXPECT_EQ(hear(Type::answer).value, 6U);
}

TEST_F(AnImageThatSomebodyHas, IsNotWaitedForByWhoIsToGo) {
  say({.type = Type::remove, .number = 2});
  Message creation = hear(Type::answer);
  EXPECT_EQ(creation.number, 1U);
  EXPECT_THAT(creation.second, HasSubstr("is to be removed"));
  locks.of_others.clear();
  Message removal = hear(Type::answer);
  EXPECT_EQ(removal.number, 2U);
  EXPECT_EQ(removal.second, "");
  EXPECT_THAT(program.calls(), ElementsAre("destroy " + guest_text()));
  EXPECT_TRUE(server->nothing_left());
}

TEST_F(AnImageThatSomebodyHas, IsNotWaitedForWhenTheProcessDies) {
  model().release().reset();
  lost();
  EXPECT_THAT(program.calls(), ElementsAre("destroy " + guest_text()));
}

TEST_F(ServerTest, AnEndWithoutARemovalIsNotBelieved) {
  open();
  serve();
  say({.type = Type::finished});
  EXPECT_THAT(lost(), HasSubstr("without an end of its stub domain"));
  EXPECT_THAT(xen.calls, Contains(crash()));
}

TEST_F(ServerTest, AGuestThatHasNotRunIsNotCrashed) {
  open();
  say({.type = Type::crash_guest});
  EXPECT_THAT(lost(), HasSubstr("asks for what cannot be"));
  EXPECT_THAT(xen.calls, Not(Contains(crash())));
}

TEST_F(ServerTest, ThereIsOneStubDomain) {
  open();
  make_stub_domain();
  say({.type = Type::create, .number = 9});
  EXPECT_THAT(lost(), HasSubstr("asks for what cannot be"));
  EXPECT_EQ(std::ranges::count(program.calls(), "create"), 1);
}

TEST_F(ServerTest, ThereIsNoOtherOneWithoutAnUpgrade) {
  open();
  serve();
  ask({.type = Type::remove});
  say({.type = Type::create, .number = 9, .value = std::to_underlying(Which::first)});
  EXPECT_THAT(lost(), HasSubstr("asks for what cannot be"));
  EXPECT_EQ(std::ranges::count(program.calls(), "create"), 1);
}

TEST_F(ServerTest, TheGuestIsHeldForAnUpgradeOnly) {
  open();
  serve();
  EXPECT_NE(ask({.type = Type::hold_guest}).second, "");
  say({.type = Type::release_guest});
  EXPECT_NE(ask({.type = Type::keep_state}).second, "");
  fake::serve_ready(*loop);
  EXPECT_THAT(xen.calls, IsEmpty());
}

TEST_F(ServerTest, ADeviceThatLibxlHasNotSetAsideIsNotAttached) {
  open();
  serve();
  Message request{.type = Type::attach_pci, .first = "nic", .second = "0000:00:10.0"};
  EXPECT_THAT(ask(std::move(request)).second, HasSubstr("not one that libxl attaches"));
  EXPECT_THAT(ask({.type = Type::attach_pci, .first = "nic", .second = "/dev/mem"}).second,
              Not(IsEmpty()));
}

TEST_F(ServerTest, AMediumIsForADriveOfThisGuestOnly) {
  open();
  serve();
  Message request{.type = Type::insert_medium, .first = "ide-5632", .second = "raw"};
  request.files.push_back(base::open_file("/dev/null", O_RDONLY).value());
  EXPECT_THAT(ask(std::move(request)).second, HasSubstr("no CD-ROM drive"));
}

TEST_F(ServerTest, BytesThatAreNoMessageEndTheProcess) {
  open();
  ASSERT_EQ(::send(model().fd().get(), "nonsense", 8, 0), 8);
  lost();
}

TEST_F(ServerTest, MoreRequestsThanMayWaitEndTheProcess) {
  open();
  serve();
  EXPECT_EQ(ask({.type = Type::plug_state}).second, "");
  program.hold();
  for (uint32_t i = 0; i <= Server::most_waiting; i++)
    say({.type = Type::unplug_state, .number = 100 + i});
  until([this] { return !server->outcome(); });
  EXPECT_THAT(server->outcome().error().message(), HasSubstr("too much at once"));
  program.let_go();
}

TEST_F(ServerTest, ARequestThatWaitsUnderTheSameNumberEndsTheProcess) {
  open();
  serve();
  program.hold();
  say({.type = Type::remove, .number = 100});
  say({.type = Type::settle_pci, .number = 100});
  until([this] { return !server->outcome(); });
  EXPECT_THAT(server->outcome().error().message(), HasSubstr("too much at once"));
  program.let_go();
}

// Each would be a process of root's, with libxl.
TEST_F(ServerTest, ManyRequestsToUnplugWhatIsNotPluggedRunNoProgram) {
  open();
  serve();
  for (size_t i = 0; i < 2 * Server::most_waiting; i++)
    EXPECT_EQ(ask({.type = Type::unplug_state}).second, "");
  EXPECT_THAT(program.calls(), ElementsAre("create"));
}

TEST_F(ServerTest, AGuestDoesNotRunOnWhenItsStubDomainIsRemoved) {
  open();
  serve();
  ask({.type = Type::remove});
  EXPECT_THAT(xen.calls, ElementsAre(crash()));
}

TEST_F(ServerTest, AFloodIsServedInShares) {
  open();
  for (int i = 1; i <= 100; i++)
    say({.type = Type::tell_status, .second = std::to_string(i)});
  fake::serve_ready(*loop, 1);
  EXPECT_EQ(status.error, std::to_string(Server::most_in_a_turn));
  fake::serve_ready(*loop, 1);
  EXPECT_EQ(status.error, std::to_string(2 * Server::most_in_a_turn));
}

TEST_F(ServerTest, WhatItSaysIsShownInPrintableCharacters) {
  open();
  say({.type = Type::tell_status, .value = 0, .second = "no \x1b[31mdisk\n"});
  until([this] { return !status.error.empty(); });
  EXPECT_EQ(status.error, "no ?[31mdisk?");
}

TEST_F(ServerTest, AProcessThatGivesNoSignOfLifeIsGivenUp) {
  open(base::Milliseconds(30));
  EXPECT_THAT(lost(), HasSubstr("sign of life"));
}

TEST_F(ServerTest, AProcessThatAnswersLives) {
  open(base::Milliseconds(30));
  for (int i = 0; i < 5; i++)
    say({.type = Type::alive, .value = hear(Type::beat).value});
  EXPECT_TRUE(server->outcome());
}

class AProcessThatStays : public ServerTest {
protected:
  AProcessThatStays() {
    open(base::Milliseconds(50));
    make_stub_domain();
  }
  // It answers whenever it is asked whether it lives.
  void stays_until_it_is_given_up() {
    until([this] {
      auto message = model().receive();
      if (message && *message && (*message)->type == Type::beat) {
        EXPECT_TRUE(model().send({.type = Type::alive, .value = (*message)->value}));
      }
      return !server->outcome();
    });
    EXPECT_THAT(lost(), HasSubstr("does not end"));
  }
};

TEST_F(AProcessThatStays, WhenItIsToEndIsGivenUp) {
  server->end_asked();
  stays_until_it_is_given_up();
}

TEST_F(AProcessThatStays, WhenItsStubDomainIsGoneIsGivenUp) {
  say({.type = Type::remove, .number = 9});
  stays_until_it_is_given_up();
}

} // namespace
} // namespace linstub::broker
