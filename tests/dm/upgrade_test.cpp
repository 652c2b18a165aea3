// SPDX-License-Identifier: MIT
#include "dm/upgrade_fixture.hpp"

namespace linstub::dm {
namespace {

using testing::AllOf;
using testing::Not;
using testing::StartsWith;

TEST_F(UpgradeTest, IsRefusedWhileTheDeviceModelIsBusy) {
  busy = true;
  EXPECT_EQ(refusal(), "the device model is busy (serving): try again");
  busy = false;
  life.phase = Phase::booting;
  EXPECT_EQ(refusal(), "the device model is busy (booting): try again");
}

TEST_F(UpgradeTest, IsRefusedIfTheNextQemuWouldNotHaveWhatThisOneHas) {
  changes.done(
      {.name = "device_add", .arguments = R"({"driver":"usb-tablet","id":"pen"})", .id = {}},
      qmp::Leaves::device);
  EXPECT_THAT(refusal(), HasSubstr("device pen was plugged in while the guest ran"));
  changes.deleted("pen");
  auto client = begin();
  save();
}

// It was on its way when the upgrade was asked for.
TEST_F(UpgradeTest, LetsTheGuestRunOnIfSuchADeviceComesAtTheLastMoment) {
  stub.leave("stop");
  auto client = begin();
  until([this] { return stub.was_asked("stop"); });
  changes.done(
      {.name = "device_add", .arguments = R"({"driver":"usb-tablet","id":"pen"})", .id = {}},
      qmp::Leaves::device);
  stub.finish("stop");
  EXPECT_THAT(failure(*client), HasSubstr("device pen"));
}

TEST_F(UpgradeTest, IsRefusedWithoutAnImageForThisXen) {
  EXPECT_THAT(refusal("/nonexistent"), HasSubstr("no stub domain image in /nonexistent"));
  fake::put_image(image.path(), "4.19");
  EXPECT_THAT(refusal(), HasSubstr("built for Xen 4.19"));
}

TEST_F(UpgradeTest, IsRefusedForAGuestThatDoesNotRun) {
  xen.domains[xen::number(guest)].shutdown = 0;
  EXPECT_EQ(refusal(), "the guest does not run");
  xen.domains.erase(xen::number(guest));
  EXPECT_EQ(refusal(), "the guest does not run");
}

TEST_F(UpgradeTest, IsRefusedIfAFileOfADirectBootIsNotThereAnyMore) {
  plan.files.push_back({.disk = {.path = "/nonexistent/kernel", .vdev = "xvdb"}, .path = "kernel"});
  EXPECT_THAT(refusal(),
              AllOf(StartsWith("the guest boots directly"), HasSubstr("/nonexistent/kernel")));
}

TEST_F(UpgradeTest, PausesTheGuestStopsQemuAndSavesItsState) {
  auto client = begin();
  until([this] { return stub.was_asked("xen-save-devices-state"); });
  const std::string number = base::format("{}", guest);
  EXPECT_THAT(xen.calls,
              ElementsAre("shutdown " + number + " 2", "pause " + number, "resume " + number));
  EXPECT_THAT(store.resumed(), ElementsAre(unsigned{xen::number(guest)}));
  EXPECT_THAT(stub.asked, ElementsAre("query-status {}", "query-name {}", "query-status {}",
                                      "stop {}", StartsWith("xen-save-devices-state ")));
  EXPECT_THAT(stub.asked[4], HasSubstr(R"("live":true)")) << "another QEMU goes on";

  save_in_stub_domain("state");
  await_phase(Phase::handing);
  EXPECT_THAT(upgrade_events,
              ElementsAre(Event::upgrade_asked, Event::next_ready, Event::state_saved));
  EXPECT_TRUE(saver.expects_arrival());
  EXPECT_EQ(xen.domains[xen::number(guest)].pauses, 1U);
  until([this] { return next_stub->has(wire::Service::restore); });
  EXPECT_THAT(next_stub->asked, Contains(R"(migrate-set-parameters {"announce-rounds":0})"));
  EXPECT_FALSE(next_stub->was_asked("cont")) << "it has nothing to go on with";
  EXPECT_FALSE(stub.has(wire::Service::retire)) << "it may be needed again";
  until([&] { return client->heard().contains("5 bytes of state are saved"); });
  EXPECT_EQ(client->last().kind, run::ControlReply::Kind::progress);
  EXPECT_THAT(client->heard(), StartsWith(R"({"progress":"making the next stub domain)"));
}

TEST_F(UpgradeTest, TheNextStubDomainIsOfTheNewImageAndWhoAskedIsTold) {
  fake::Directory other;
  fake::put_image(other.path());
  auto client = begin(other.path());
  EXPECT_THAT(program.input(), AllOf(HasSubstr("xvdaa"), HasSubstr("linstub:awaited-state")));
  EXPECT_EQ(status.image, "/first") << "as long as it does not serve";
  save();
  until([this] { return next_stub->has(wire::Service::restore); });
  hand_over(*client);
  EXPECT_EQ(life.phase, Phase::serving);
  EXPECT_EQ(status.image, other.path());
  EXPECT_EQ(status.stub_domain, xen::DomId{8});
  EXPECT_EQ(link.stub(), xen::DomId{8});
  EXPECT_EQ(xen.domains[xen::number(guest)].pauses, 0U);
  upgrade->resume_guest();
  EXPECT_EQ(std::ranges::count(xen.calls, base::format("unpause {}", guest)), 1);
  EXPECT_THAT(client->last().text,
              AllOf(StartsWith("guest sunny is served by stub domain 8 with image " + other.path() +
                               " of Linstub 0.9; it was held for "),
                    HasSubstr(" ms")));
  EXPECT_THAT(program.calls(), Contains("settle 8")) << "there is one stub domain again";
  until([this] { return program.calls().size() == 2; });
  EXPECT_THAT(program.calls(), Contains(StartsWith("finish-restore 8 ")));
  EXPECT_FALSE(saver.expects_arrival());
}

TEST_F(UpgradeTest, IsDoneAlsoIfTheFormerStubDomainDoesNotGoAtOnce) {
  auto client = begin();
  save();
  program.ends(1, "", "linstub-stubdom: error: it stays\n");
  hand_over(*client);
  EXPECT_THAT(client->last().text, HasSubstr("is not gone yet, which is tried again"));
  auto again = ask();
  until([&] { return again->last().kind == run::ControlReply::Kind::error; });
  EXPECT_THAT(again->last().text, HasSubstr("is still being removed"));
  program.ends(0);
  until([this] { return std::ranges::count(program.calls(), "settle 8") == 2; });
}

TEST_F(UpgradeTest, TheNextQemuAnnouncesTheNicsThatNoPvDriverHas) {
  plan.nics = {{.index = 0, .interface = "vif7.0-emu", .bridge = "br0", .mac = ""},
               {.index = 1, .interface = "vif7.1-emu", .bridge = "br0", .mac = ""}};
  store.write(base::format("/local/domain/{}/device/vif/1/state", guest), "4");
  auto client = begin();
  save();
  hand_over(*client);
  until([this] { return next_stub->was_asked("announce-self"); });
  EXPECT_THAT(next_stub->asked,
              Contains(AllOf(HasSubstr("announce-self"), HasSubstr("[\"nic0\"]"))));
}

// What comes from it then is the next one's.
TEST_F(UpgradeTest, TheMonitorIsTheNextQemusAfterwards) {
  auto client = begin();
  save();
  hand_over(*client);
  const size_t before = stub.asked.size();
  std::string answered;
  EXPECT_TRUE(
      monitors->ask("query-name", "{}", [&](const qmp::Reply &reply) { answered = reply.result; }));
  until([&] { return !answered.empty(); });
  EXPECT_TRUE(next_stub->was_asked("query-name"));
  EXPECT_EQ(stub.asked.size(), before);
}

TEST_F(UpgradeTest, ANextOneThatCannotBeMadeIsNotNoticedByTheGuest) {
  program.ends(1, "", "linstub-stubdom: error: no memory\n");
  auto client = ask();
  until([&] { return client->last().kind == run::ControlReply::Kind::error; });
  EXPECT_EQ(client->last().text, "guest sunny was not upgraded: make the next stub domain: no "
                                 "memory; it runs on, with the image that it had");
  EXPECT_THAT(xen.calls, IsEmpty());
  EXPECT_THAT(stub.asked, ElementsAre("query-status {}"));
  EXPECT_EQ(status.image, "/first");
}

TEST_F(UpgradeTest, ANextOneThatFailsBeforeThePauseIsNotNoticedByTheGuest) {
  make_next();
  store.write(next_home + "/data/linstub/error", "no disk");
  store.write(next_home + "/data/linstub/state", "failed");
  until([this] { return asked->last().kind == run::ControlReply::Kind::error; });
  EXPECT_THAT(asked->last().text, HasSubstr("the stub domain has failed: no disk; it runs on"));
  EXPECT_THAT(xen.calls, IsEmpty());
  xen.domains[8].shutdown = 0;
  store.fire("@releaseDomain");
  until([this] { return std::ranges::contains(program.calls(), "settle 6"); });
  EXPECT_THAT(stub.asked, ElementsAre("query-status {}"));
}

// The one that there was goes on where it has stopped, and only then the guest.
TEST_F(UpgradeTest, ANextOneThatFailsWithTheStateIsFollowedByTheOneThatThereWas) {
  stub.leave("cont");
  auto client = begin();
  save();
  until([this] { return next_stub->has(wire::Service::restore); });
  store.write(next_home + "/data/linstub/error", "QEMU exited with 1");
  store.write(next_home + "/data/linstub/state", "failed");
  until([this] { return stub.was_asked("cont"); });
  settle();
  EXPECT_EQ(xen.domains[xen::number(guest)].pauses, 1U);
  EXPECT_FALSE(next_stub->was_asked("cont")) << "so it can have got no request of the guest's";
  end_by_itself(*next_stub, xen::DomId{8});
  stub.finish("cont");
  until([this] { return xen.domains[xen::number(guest)].pauses == 0U; });
  until([&] { return client->last().kind == run::ControlReply::Kind::error; });
  EXPECT_EQ(client->last().text,
            "guest sunny was not upgraded: the stub domain has failed: QEMU exited with 1; it runs "
            "on, with the image that it had");
  EXPECT_EQ(status.stub_domain, xen::DomId{6});
  until([this] { return program.calls().size() == 2; });
  EXPECT_THAT(program.calls(), testing::UnorderedElementsAre("settle 6", "detach 6 xvdaa"));
  unplug(state_disk());
  auto again = begin();
  save();
}

TEST_F(UpgradeTest, ANextQemuThatRefusesToGoOnIsFollowedByTheOneThatThereWas) {
  auto client = begin();
  save();
  next_stub->refuse("cont", "no disk");
  next_has_state();
  until([this] { return stub.was_asked("cont"); });
  until([&] { return client->last().kind == run::ControlReply::Kind::error; });
  EXPECT_THAT(client->last().text, HasSubstr("the next QEMU refuses cont: no disk; it runs on"));
  EXPECT_EQ(status.stub_domain, xen::DomId{6});
}

TEST_F(UpgradeTest, CrashesAGuestWhoseNextQemuMayHaveGoneOnOrNot) {
  auto client = begin();
  save();
  next_stub->leave("cont");
  next_has_state();
  await_phase(Phase::committed);
  xen.domains[8].shutdown = 3;
  store.fire("@releaseDomain");
  until([this] { return life.phase == Phase::ending; });
  EXPECT_EQ(life.outcome, Outcome::failure);
  EXPECT_FALSE(stub.was_asked("cont"));
  until([&] { return client->last().kind == run::ControlReply::Kind::error; });
  EXPECT_THAT(client->last().text, HasSubstr("it has crashed"));
}

TEST_F(UpgradeTest, AQemuThatSaysTooEarlyThatItHasTheStateIsNotTold) {
  auto client = begin();
  until([this] { return stub.was_asked("xen-save-devices-state"); });
  next_stub->qemu_says(
      R"({"event":"MIGRATION","data":{"status":"completed"},"timestamp":{"seconds":1}})");
  settle();
  EXPECT_THAT(upgrade_events,
              ElementsAre(Event::upgrade_asked, Event::next_ready, Event::next_has_state));
  EXPECT_EQ(life.phase, Phase::saving);
  EXPECT_FALSE(next_stub->was_asked("cont"));
}

TEST_F(UpgradeTest, LetsTheGuestRunOnIfItsDevicesHaveChangedMeanwhile) {
  make_next();
  plan.nics.push_back({.index = 1, .interface = "vif7.1-emu", .bridge = "br0", .mac = ""});
  store.write(next_home + "/data/linstub/channel/ring-ref", "8");
  store.write(next_home + "/data/linstub/channel/event-channel", "9");
  EXPECT_THAT(failure(*asked), HasSubstr("devices have changed"));
  EXPECT_THAT(store.resumed(), ElementsAre(unsigned{xen::number(guest)}));
}

TEST_F(UpgradeTest, ThereIsNoNextStubDomainWithoutAnUpgrade) {
  std::string told;
  host->create(broker::Which::next, [&](const base::Result<xen::DomId> &made) {
    told = made ? "made" : made.error().message();
  });
  EXPECT_EQ(told, "nobody has asked for an upgrade");
  host->take_over();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_THAT(events.back().second, HasSubstr("no next stub domain"));
  EXPECT_EQ(status.stub_domain, stub_domid);
}

TEST_F(UpgradeTest, TheEndOfTheGuestIsToldToWhoAsked) {
  auto client = begin();
  save();
  life = {.phase = Phase::ending, .outcome = Outcome::failure};
  upgrade->tell_failed("");
  until([&] { return client->last().kind == run::ControlReply::Kind::error; });
  EXPECT_EQ(client->last().text, "guest sunny was not upgraded: it has ended; it has crashed, "
                                 "since it has no device model any more");
}

TEST_F(UpgradeTest, LetsTheGuestRunOnIfQemuRefusesToStop) {
  stub.refuse("stop", "it cannot");
  auto client = begin();
  EXPECT_EQ(failure(*client), "guest sunny was not upgraded: QEMU refuses stop: it cannot; it "
                              "runs on, with the image that it had");
  EXPECT_THAT(stub.asked, Not(Contains(StartsWith("xen-save-devices-state"))));
  until([this] { return stub.was_asked("cont"); });
}

// The state does not say that it sleeps.
TEST_F(UpgradeTest, IsRefusedForAGuestThatSleeps) {
  stub.answer("query-status", R"({"status":"suspended","running":false})");
  auto client = ask();
  until([&] { return client->last().kind == run::ControlReply::Kind::error; });
  EXPECT_THAT(client->last().text, AllOf(HasSubstr("sleeps"), HasSubstr("trigger sunny s3resume")));
  EXPECT_THAT(xen.calls, IsEmpty());
}

TEST_F(UpgradeTest, LetsAGuestSleepThatHasGoneToSleepMeanwhile) {
  auto client = begin();
  stub.answer("query-status", R"({"status":"suspended","running":false})");
  EXPECT_THAT(failure(*client), HasSubstr("sleeps"));
  EXPECT_FALSE(stub.was_asked("stop"));
  EXPECT_FALSE(stub.was_asked("cont")) << "it was not stopped";
}

// Xen has taken what it asked for as the hold's suspend, which is over.
TEST_F(UpgradeTest, AGuestThatEndsItselfWhileItIsToBeHeldEnds) {
  for (const auto &[event, how, reason] : {std::tuple("SHUTDOWN", "has powered itself off", "0"),
                                           {"RESET", "has reset itself", "1"}}) {
    SCOPED_TRACE(event);
    xen.domains[xen::number(guest)] = {};
    xen.calls.clear();
    upgrade_events.clear();
    stub.leave("query-name");
    auto client = begin();
    until([this] { return stub.was_asked("query-name"); });
    stub.qemu_says(base::format(
        R"({{"event":"{}","data":{{"guest":true}},"timestamp":{{"seconds":1}}}})", event));
    stub.finish("query-name");
    EXPECT_THAT(failure(*client), HasSubstr(how));
    EXPECT_THAT(xen.calls, Contains(base::format("shutdown {} {}", guest, reason)));
    EXPECT_FALSE(stub.was_asked("stop"));
    EXPECT_FALSE(stub.was_asked("cont")) << "it could not";
  }
}

// As `xl suspend` leaves it: who has suspended it resumes it.
TEST_F(UpgradeTest, AGuestThatAToolstackHasSuspendedMeanwhileStaysSo) {
  auto client = begin();
  xen.domains[xen::number(guest)].shutdown = 2;
  EXPECT_THAT(failure(*client), HasSubstr("has been suspended"));
  EXPECT_THAT(xen.calls, IsEmpty());
}

TEST_F(UpgradeTest, LetsTheGuestRunOnIfItsStateCannotBeSaved) {
  auto client = begin();
  until([this] { return stub.was_asked("xen-save-devices-state"); });
  stub.commit(); // nothing
  EXPECT_THAT(failure(*client), HasSubstr("no complete state"));
  EXPECT_FALSE(saver.expects_arrival());
  until([this] { return !program.calls().empty(); });
  until([this] { return program.calls().size() == 2; });
  EXPECT_THAT(program.calls(), testing::UnorderedElementsAre("settle 6", "detach 6 xvdaa"));
}

TEST_F(UpgradeTest, LetsAGuestAloneThatCannotBePaused) {
  xen.fail("shutdown", EPERM);
  auto client = begin();
  EXPECT_THAT(failure(*client), HasSubstr("suspend domain"));
  EXPECT_THAT(xen.calls, ElementsAre(StartsWith("shutdown "))) << "it was not paused";
}

TEST_F(UpgradeTest, LetsTheGuestRunOnIfXenstoredDoesNotKnowThatItRuns) {
  store.fail(fake::Request::resumed, "", EIO);
  auto client = begin();
  failure(*client);
  EXPECT_THAT(stub.asked, Not(Contains("stop {}")));
}

TEST_F(UpgradeTest, MayBeAskedForAgainAfterItHasFailed) {
  stub.refuse("stop", "it cannot");
  auto first = begin();
  failure(*first);
  stub.answer("stop", "{}");
  auto second = begin();
  save();
  EXPECT_EQ(upgrade_events.back(), Event::state_saved);
}

TEST_F(UpgradeTest, ARequestWhileOneIsUnderWayIsRefused) {
  auto first = begin();
  save();
  auto second = ask();
  until([&] { return second->heard().contains("error"); });
  EXPECT_THAT(second->last().text, HasSubstr("busy with another request"));
  first.reset();
  settle();
  auto third = ask();
  until([&] { return third->heard().contains("error"); });
  EXPECT_EQ(third->last().text, "the device model is busy (upgrading): try again");
}

TEST_F(UpgradeTest, LetsAGuestRunOnThatWaitsForItsDeviceModelAllTheTime) {
  xen.domains[xen::number(guest)].looks_until_suspended = 1'000'000'000;
  auto client = begin();
  int turns = 0;
  until([&] {
    turns++;
    return client->last().kind == run::ControlReply::Kind::error;
  });
  EXPECT_THAT(failure(*client), HasSubstr("waited for its device model all the time"));
  EXPECT_GT(turns, 10) << "the loop goes on meanwhile";
}

TEST_F(UpgradeTest, AReplyOfQemuThatComesAfterTheEndIsNotCounted) {
  stub.leave("stop");
  auto client = begin();
  until([this] { return stub.was_asked("stop"); });
  life.phase = Phase::ending;
  upgrade->stop_waiting();
  saver.abandon();
  monitors->disconnect();
  settle();
  EXPECT_THAT(upgrade_events, ElementsAre(Event::upgrade_asked, Event::next_ready));
}

} // namespace
} // namespace linstub::dm
