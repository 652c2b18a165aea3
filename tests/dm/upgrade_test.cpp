// SPDX-License-Identifier: MIT
#include "dm/changes.hpp"
#include "dm/surroundings.hpp"
#include "dm/upgrade.hpp"
#include "sys/unix_socket.hpp"

#include <array>

namespace linstub::dm {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

// An image directory with what looks like a kernel and a ramdisk.
void make_image(const fake::Directory &image, const std::string &xen = "4.20") {
  std::string kernel(0x300, 'k');
  kernel.replace(0x202, 4, "HdrS");
  image.put("kernel", kernel);
  image.put("ramdisk", "\x28\xb5\x2f\xfd and so on");
  const std::string digest(64, '0');
  image.put("manifest.json",
            base::format(R"({{"format":2,"version":"0.9","xen":"{}","suite":"trixie",)"
                         R"("kernel":{{"size":768,"sha256":"{}"}},)"
                         R"("ramdisk":{{"size":14,"sha256":"{}","unpacked":20}},)"
                         R"("inputs":[],"components":[],"files":[]}})",
                         xen, digest, digest));
}

// What `linstub upgrade` is at the other end of the control socket.
class Client {
public:
  explicit Client(xen::DomId guest, const run::UpgradeRequest &request)
      : fd_(sys::connect_unix(run::control_path(guest)).value()) {
    EXPECT_TRUE(base::write_all(fd_, run::encode(request)));
  }
  const std::string &heard() {
    std::array<char, 4096> buffer;
    ssize_t got = 0;
    while ((got = ::read(fd_.get(), buffer.data(), buffer.size())) > 0)
      heard_.append(buffer.data(), static_cast<size_t>(got));
    return heard_;
  }
  // The last of what it was told.
  run::ControlReply last() {
    std::string text = heard();
    if (text.ends_with('\n'))
      text.pop_back();
    return run::decode_reply(text.substr(text.rfind('\n') + 1)).value_or(run::ControlReply{});
  }

private:
  base::Fd fd_;
  std::string heard_;
};

class UpgradeTest : public Surroundings {
protected:
  void SetUp() override {
    make_image(image);
    plan.settings.image = image.path();
    connect();
    upgrade = std::make_unique<Upgrade>(
        Upgrade::Context{.loop = *loop,
                         .name = plan.name,
                         .life = life,
                         .host = *host,
                         .link = link,
                         .saver = saver,
                         .monitors = *monitors},
        Upgrade::Owner{
            .happened = [this](Event event, const std::string &why) { happened(event, why); },
            .busy = [this] { return busy; },
            .can_be_replaced = [this] { return changes.can_be_replaced(); }});
    upgrade_told = upgrade.get();
  }

  // What DeviceModel does of this.
  void happened(Event event, const std::string &why) {
    upgrade_events.push_back(event);
    if (!why.empty())
      last_error = why;
    Step next = step(life, event);
    life = next.next;
    for (Action action : next.actions) {
      if (action == Action::save_state)
        EXPECT_TRUE(upgrade->save_state());
      else if (action == Action::retire_qemu)
        EXPECT_TRUE(upgrade->retire_qemu());
      else if (action == Action::resume_qemu)
        EXPECT_TRUE(monitors->ask("cont", "{}", [](const qmp::Reply &) {}));
      else if (action == Action::resume_guest)
        upgrade->resume_guest();
      else if (action == Action::tell_not_upgraded)
        upgrade->tell_failed(last_error);
      else if (action == Action::reset_guest)
        upgrade->reset_guest();
      else if (action == Action::tell_reset)
        upgrade->tell_reset();
    }
  }
  std::unique_ptr<Client> ask(const std::string &directory = {}) {
    return std::make_unique<Client>(guest, run::UpgradeRequest{.image = directory});
  }
  std::unique_ptr<Client> ask_for_reset() {
    return std::make_unique<Client>(
        guest, run::UpgradeRequest{.kind = run::UpgradeRequest::Kind::reset, .image = {}});
  }
  std::string call_of(std::string_view name, std::string_view rest = {}) {
    return base::format("{} {}{}", name, guest, rest);
  }
  // Why an upgrade is refused at once.
  std::string refusal(const std::string &directory = {}) {
    auto client = ask(directory);
    until([&] { return client->heard().ends_with('\n'); });
    EXPECT_EQ(client->last().kind, run::ControlReply::Kind::error);
    EXPECT_THAT(upgrade_events, IsEmpty());
    EXPECT_THAT(xen.calls, IsEmpty()) << "the guest has not noticed anything";
    return client->last().text;
  }
  // The end of one that has begun and fails before the state is saved.
  std::string failure(Client &client) {
    until([&] { return client.last().kind != run::ControlReply::Kind::progress; });
    EXPECT_THAT(upgrade_events, ElementsAre(Event::upgrade_asked, Event::save_failed));
    EXPECT_EQ(life.phase, Phase::serving);
    EXPECT_EQ(xen.domains[xen::number(guest)].pauses, 0U);
    return client.last().text;
  }
  void replace(broker::Which which, std::string_view domid) {
    bool gone = false;
    host->remove([&](const base::Result<> &) { gone = true; });
    until([&] { return gone; });
    program.ends(0, domid);
    host->create(which, [this](const base::Result<xen::DomId> &made) {
      ASSERT_TRUE(made) << made.error().message();
      link.found(*made);
    });
    until([this] { return link.stub().has_value(); });
  }
  void await_phase(Phase phase) {
    until([&] { return life.phase == phase; });
  }
  void save() {
    until([this] { return stub.was_asked("xen-save-devices-state"); });
    save_in_stub_domain("state");
    await_phase(Phase::retiring);
  }

  fake::Directory image;
  bool busy = false;
  std::vector<Event> upgrade_events;
  std::string last_error;
  Saver saver{saver_context(), [](const std::string &) {}};
  Changes changes{*host};
  std::unique_ptr<Upgrade> upgrade;
};

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
  auto client = ask();
  save();
}

// It was on its way when the upgrade was asked for.
TEST_F(UpgradeTest, LetsTheGuestRunOnIfSuchADeviceComesAtTheLastMoment) {
  stub.leave("stop");
  auto client = ask();
  until([this] { return stub.was_asked("stop"); });
  changes.done(
      {.name = "device_add", .arguments = R"({"driver":"usb-tablet","id":"pen"})", .id = {}},
      qmp::Leaves::device);
  stub.finish("stop");
  EXPECT_THAT(failure(*client), HasSubstr("device pen"));
}

TEST_F(UpgradeTest, IsRefusedWithoutAnImageForThisXen) {
  EXPECT_THAT(refusal("/nonexistent"), HasSubstr("no stub domain image in /nonexistent"));
  make_image(image, "4.19");
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
  auto client = ask();
  until([this] { return stub.was_asked("xen-save-devices-state"); });
  const std::string number = base::format("{}", guest);
  EXPECT_THAT(xen.calls,
              ElementsAre("shutdown " + number + " 2", "pause " + number, "resume " + number));
  EXPECT_THAT(store.resumed(), ElementsAre(unsigned{xen::number(guest)}));
  EXPECT_THAT(stub.asked,
              ElementsAre("query-status {}", "stop {}", StartsWith("xen-save-devices-state ")));
  EXPECT_THAT(stub.asked[2], HasSubstr(R"("live":true)")) << "another QEMU goes on";

  save_in_stub_domain("state");
  await_phase(Phase::retiring);
  EXPECT_THAT(upgrade_events, ElementsAre(Event::upgrade_asked, Event::state_saved));
  EXPECT_TRUE(saver.expects_arrival());
  EXPECT_EQ(xen.domains[xen::number(guest)].pauses, 1U);
  until([this] { return stub.has(wire::Service::retire); });
  until([&] { return client->heard().contains("5 bytes of state are saved"); });
  EXPECT_EQ(client->last().kind, run::ControlReply::Kind::progress);
  EXPECT_THAT(client->heard(), StartsWith(R"({"progress":"pausing the guest)"));
}

// The stub domain goes, and another one is made, as DeviceModel has it.
TEST_F(UpgradeTest, TheNextStubDomainIsOfTheNewImageAndWhoAskedIsTold) {
  fake::Directory other;
  make_image(other);
  auto client = ask(other.path());
  save();
  upgrade->stop_waiting();
  leave();
  replace(broker::Which::upgraded, "8\n");
  EXPECT_THAT(program.input(), HasSubstr("xvdaa")) << "with the state";
  life = {.phase = Phase::serving};
  upgrade->resume_guest();
  EXPECT_EQ(xen.domains[xen::number(guest)].pauses, 0U);
  upgrade->resume_guest();
  EXPECT_EQ(std::ranges::count(xen.calls, base::format("unpause {}", guest)), 1);
  upgrade->tell_done();
  until([&] { return client->last().kind == run::ControlReply::Kind::done; });
  EXPECT_THAT(client->last().text,
              AllOf(StartsWith("guest sunny is served by stub domain 8 with image " + other.path() +
                               " of Linstub 0.9; it was held for "),
                    HasSubstr(" ms")));
}

TEST_F(UpgradeTest, AnImageThatFailsIsFollowedByTheFormerOne) {
  auto client = ask();
  save();
  leave();
  replace(broker::Which::upgraded, "8\n");
  EXPECT_EQ(status.image, image.path());
  leave();
  upgrade->tell_fallback("no kernel");
  until([&] { return client->heard().contains("going back"); });
  EXPECT_THAT(client->last().text,
              "the new stub domain has failed (no kernel); going back to the old image");
  replace(broker::Which::fallback, "9\n");
  EXPECT_EQ(status.image, "/first");
  life = {.phase = Phase::serving};
  upgrade->tell_failed("no kernel");
  until([&] { return client->last().kind == run::ControlReply::Kind::error; });
  EXPECT_EQ(client->last().text, "guest sunny was not upgraded: no kernel; it runs on, with the "
                                 "image that it had");
}

TEST_F(UpgradeTest, ThereIsNoOtherStubDomainThanThoseOfAnUpgrade) {
  std::vector<std::string> told;
  auto note = [&](const base::Result<xen::DomId> &made) {
    told.push_back(made ? "made" : made.error().message());
  };
  host->create(broker::Which::upgraded, note);
  EXPECT_THAT(told, ElementsAre("there is a stub domain already"));
  bool gone = false;
  host->remove([&](const base::Result<> &) { gone = true; });
  until([&] { return gone; });
  host->create(broker::Which::upgraded, note);
  host->create(broker::Which::fallback, note);
  EXPECT_THAT(told, ElementsAre("there is a stub domain already", HasSubstr("no state was saved"),
                                HasSubstr("no state was saved")));
}

TEST_F(UpgradeTest, TheEndOfTheGuestIsToldToWhoAsked) {
  auto client = ask();
  save();
  life = {.phase = Phase::ending, .outcome = Outcome::failure};
  upgrade->tell_failed("");
  until([&] { return client->last().kind == run::ControlReply::Kind::error; });
  EXPECT_EQ(client->last().text, "guest sunny was not upgraded: it has ended; it has crashed, "
                                 "since it has no device model any more");
}

TEST_F(UpgradeTest, LetsTheGuestRunOnIfQemuRefusesToStop) {
  stub.refuse("stop", "it cannot");
  auto client = ask();
  EXPECT_EQ(failure(*client), "guest sunny was not upgraded: QEMU refuses stop: it cannot; it "
                              "runs on, with the image that it had");
  EXPECT_THAT(stub.asked, Not(Contains(StartsWith("xen-save-devices-state"))));
  until([this] { return stub.was_asked("cont"); });
}

TEST_F(UpgradeTest, LetsTheGuestRunOnIfItsStateCannotBeSaved) {
  auto client = ask();
  until([this] { return stub.was_asked("xen-save-devices-state"); });
  stub.commit(); // nothing
  EXPECT_THAT(failure(*client), HasSubstr("no complete state"));
  EXPECT_FALSE(saver.expects_arrival());
  until([this] { return !program.calls().empty(); });
  EXPECT_THAT(program.calls(), ElementsAre("detach 6 xvdaa"));
}

TEST_F(UpgradeTest, LetsAGuestAloneThatCannotBePaused) {
  xen.fail("shutdown", EPERM);
  auto client = ask();
  EXPECT_THAT(failure(*client), HasSubstr("suspend domain"));
  EXPECT_THAT(xen.calls, ElementsAre(StartsWith("shutdown "))) << "it was not paused";
}

TEST_F(UpgradeTest, LetsTheGuestRunOnIfXenstoredDoesNotKnowThatItRuns) {
  store.fail(fake::Request::resumed, "", EIO);
  auto client = ask();
  failure(*client);
  EXPECT_THAT(stub.asked, Not(Contains("stop {}")));
}

TEST_F(UpgradeTest, MayBeAskedForAgainAfterItHasFailed) {
  stub.refuse("stop", "it cannot");
  auto first = ask();
  failure(*first);
  stub.answer("stop", "{}");
  auto second = ask();
  save();
  EXPECT_EQ(upgrade_events.back(), Event::state_saved);
}

TEST_F(UpgradeTest, ARequestWhileOneIsUnderWayIsRefused) {
  auto first = ask();
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
  auto client = ask();
  int turns = 0;
  until([&] {
    turns++;
    return client->last().kind == run::ControlReply::Kind::error;
  });
  EXPECT_THAT(failure(*client), HasSubstr("waited for its device model all the time"));
  EXPECT_GT(turns, 10) << "the loop goes on meanwhile";
}

TEST_F(UpgradeTest, AResetShutsTheGuestDownAndAsksTheStubDomainNothing) {
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
TEST_F(UpgradeTest, AGuestThatItsDeviceModelKeepsFromShuttingDownIsCrashed) {
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

TEST_F(UpgradeTest, AResetIsPossibleWhileAnUpgradeIsUnderWay) {
  stub.leave("stop");
  auto first = ask();
  until([this] { return stub.was_asked("stop"); });
  first.reset();
  settle();
  xen.calls.clear();
  auto client = ask_for_reset();
  await_phase(Phase::ending);
  EXPECT_THAT(xen.calls, ElementsAre(call_of("shutdown", " 1")));
}

TEST_F(UpgradeTest, AResetIsRefusedWhereThereIsNothingToReset) {
  for (Phase phase : {Phase::creating, Phase::booting, Phase::ending}) {
    life.phase = phase;
    auto client = ask_for_reset();
    until([&] { return client->last().kind == run::ControlReply::Kind::error; });
    EXPECT_THAT(client->last().text, HasSubstr("no guest that could be reset"));
  }
  EXPECT_THAT(upgrade_events, IsEmpty());
  EXPECT_THAT(xen.calls, IsEmpty());
}

TEST_F(UpgradeTest, AReplyOfQemuThatComesAfterTheEndIsNotCounted) {
  stub.leave("stop");
  auto client = ask();
  until([this] { return stub.was_asked("stop"); });
  life.phase = Phase::ending;
  upgrade->stop_waiting();
  saver.abandon();
  monitors->disconnect();
  settle();
  EXPECT_THAT(upgrade_events, ElementsAre(Event::upgrade_asked));
}

} // namespace
} // namespace linstub::dm
