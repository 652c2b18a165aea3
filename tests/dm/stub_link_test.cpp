// SPDX-License-Identifier: MIT
#include "dm/stub_link.hpp"
#include "dm/surroundings.hpp"

namespace linstub::dm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

class StubLinkTest : public Surroundings {
protected:
  StubLinkTest() {
    link.found(stub_domid);
    EXPECT_TRUE(link.follow());
  }
  void says(std::string_view word) {
    store.write(home + "/data/linstub/state", word);
    EXPECT_TRUE(link.look());
  }
  void qemu_says(std::string_view word) {
    store.write(base::format("{}/device-model/{}/state", home, guest), word);
    EXPECT_TRUE(link.look());
  }
  [[nodiscard]] std::string last_words() const { return link.last_words("sunny"); }
};

TEST_F(StubLinkTest, TheWordsOfLinstubInitTellWhatItWaitedFor) {
  EXPECT_THAT(last_words(), HasSubstr("it has said nothing"));
  EXPECT_THAT(last_words(), HasSubstr("xl console sunny-dm"));
  says("booting");
  EXPECT_THAT(last_words(), HasSubstr("starting up"));
  says("devices");
  EXPECT_THAT(last_words(), HasSubstr("waited for its disks"));
  says("qemu");
  EXPECT_THAT(last_words(), HasSubstr("QEMU was starting"));
  says("running");
  EXPECT_THAT(last_words(), HasSubstr("monitor did not answer"));
  EXPECT_THAT(events, IsEmpty()) << "none of them is news for the guest";
  link.forget();
  EXPECT_EQ(last_words(), "it was still being made");
}

TEST_F(StubLinkTest, HostileWordsAreIgnored) {
  says("devices");
  for (const std::string &word :
       {std::string("unknown"), std::string(), std::string("qemu "), std::string("FAILED"),
        std::string("failed\0", 7), std::string(17, 'x'), std::string(4000, 'x')})
    says(word);
  EXPECT_THAT(events, IsEmpty());
  EXPECT_THAT(last_words(), HasSubstr("waited for its disks"));
  for (const std::string &word : {std::string("Running"), std::string(4000, 'r')})
    qemu_says(word);
  EXPECT_THAT(events, IsEmpty());
}

TEST_F(StubLinkTest, AFailureIsToldWithItsReasonInPrintableCharacters) {
  store.write(home + "/data/linstub/error", "no \x1b[31mdisk\nand \xff more");
  says("failed");
  EXPECT_THAT(events, ElementsAre(Pair(Event::stub_failed,
                                       "the stub domain has failed: no ?[31mdisk?and ? more")));
}

TEST_F(StubLinkTest, AFailureNeedsNoReasonAndALongOneIsCut) {
  says("failed");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_THAT(events[0].second, HasSubstr("no reason"));
  store.write(home + "/data/linstub/error", std::string(4000, 'x'));
  EXPECT_TRUE(link.look());
  ASSERT_EQ(events.size(), 2U);
  EXPECT_LT(events[1].second.size(), wire::longest_error + 50);
  EXPECT_EQ(last_words(), "it had failed");
}

TEST_F(StubLinkTest, ThatQemuRunsIsToldOnce) {
  qemu_says("running");
  qemu_says("running");
  says("running");
  EXPECT_THAT(events, ElementsAre(Pair(Event::qemu_runs, "")));
}

TEST_F(StubLinkTest, TheChannelIsConnectedOnceBothOfItsNodesAreThere) {
  ASSERT_TRUE(link.look());
  store.write(home + "/data/linstub/channel/ring-ref", "8");
  ASSERT_TRUE(link.look());
  EXPECT_EQ(link.channel(), nullptr);
  store.write(home + "/data/linstub/channel/event-channel", std::string(17, '9'));
  ASSERT_TRUE(link.look());
  EXPECT_EQ(link.channel(), nullptr) << "no number is so long";
  store.write(home + "/data/linstub/channel/event-channel", "9");
  ASSERT_TRUE(link.look());
  ASSERT_NE(link.channel(), nullptr);
  until([this] { return qemu_answers; });
  Channel *channel = link.channel();
  ASSERT_TRUE(link.look());
  EXPECT_EQ(link.channel(), channel) << "and only once";
}

TEST_F(StubLinkTest, AChannelThatBreaksIsAFailureOfTheStubDomainAndStays) {
  await_qemu();
  wire.send("GET / HTTP/1.0\r\n\r\n");
  until([this] { return !events.empty(); });
  EXPECT_THAT(events, ElementsAre(Pair(Event::stub_failed,
                                       HasSubstr("the channel to the stub domain is broken: "))));
  EXPECT_NE(link.channel(), nullptr);
}

TEST_F(StubLinkTest, ThatAStreamCannotBeOpenedIsAFailureOfTheStubDomain) {
  StubLink other(
      *loop, xenstore, control, guest,
      {.happened = [this](Event event, const std::string &why) { events.emplace_back(event, why); },
       .on_channel = [](Channel &) -> base::Result<> { return base::fail("no stream"); }});
  serve_channel();
  other.found(stub_domid);
  ASSERT_TRUE(other.look());
  until([this] { return !events.empty(); });
  EXPECT_THAT(events, ElementsAre(Pair(Event::stub_failed, "no stream")));
}

TEST_F(StubLinkTest, ItsEndIsToldHoweverItComes) {
  auto &domain = xen.domains[xen::number(stub_domid)];
  ASSERT_TRUE(link.look_whether_it_lives());
  domain.pauses = 1; // resting
  ASSERT_TRUE(link.look_whether_it_lives());
  EXPECT_THAT(events, IsEmpty());

  store.write("/libxl/6/device/vbd/51712/frontend", home + "/device/vbd/51712");
  store.write("/libxl/6/device/vbd/51712/backend", "/local/domain/0/backend/vbd/6/51712");
  ASSERT_TRUE(link.look_whether_it_lives());
  domain.pauses = 0;
  domain.shutdown = 0;
  ASSERT_TRUE(link.look_whether_it_lives());
  domain.dying = true;
  ASSERT_TRUE(link.look_whether_it_lives());
  xen.domains.erase(xen::number(stub_domid));
  ASSERT_TRUE(link.look_whether_it_lives());
  EXPECT_THAT(events, ElementsAre(Pair(Event::stub_gone, "somebody destroys the stub domain"),
                                  Pair(Event::stub_gone, "the stub domain has ended (poweroff)"),
                                  Pair(Event::stub_gone, "the stub domain has been destroyed"),
                                  Pair(Event::stub_gone, "the stub domain has been destroyed")));
}

TEST_F(StubLinkTest, ForgettingEndsTheWatchesAndAllThatComesFromIt) {
  await_qemu();
  EXPECT_EQ(store.watches(), 3U);
  leave();
  EXPECT_EQ(store.watches(), 0U);
  EXPECT_EQ(link.stub(), std::nullopt);
  EXPECT_EQ(link.channel(), nullptr);
  wire.client_goes();
  xen.domains.erase(xen::number(stub_domid));
  store.write(home + "/data/linstub/state", "failed");
  settle();
  EXPECT_TRUE(link.look());
  EXPECT_TRUE(link.look_whether_it_lives());
  EXPECT_THAT(events, IsEmpty());
}

TEST_F(StubLinkTest, TheNextStubDomainIsAnother) {
  says("running");
  qemu_says("running");
  link.forget();
  link.found(xen::DomId{7});
  ASSERT_TRUE(link.follow());
  ASSERT_TRUE(link.look());
  EXPECT_THAT(last_words(), HasSubstr("it has said nothing"));
  store.write(base::format("/local/domain/7/device-model/{}/state", guest), "running");
  ASSERT_TRUE(link.look());
  EXPECT_THAT(events, ElementsAre(Pair(Event::qemu_runs, ""), Pair(Event::qemu_runs, "")));
}

TEST_F(StubLinkTest, OneThatWasNeverFollowedHasNoWatchesToEnd) {
  link.forget();
  unsigned before = store.count(fake::Request::unwatch);
  link.found(stub_domid);
  link.forget();
  link.forget();
  EXPECT_EQ(store.count(fake::Request::unwatch), before);
}

TEST_F(StubLinkTest, MayBeForgottenFromInsideItsChannel) {
  StubLink *inside = nullptr;
  bool ready = false;
  StubLink other(*loop, xenstore, control, guest,
                 {.happened = [](Event, const std::string &) {},
                  .on_channel = [&](Channel &) -> base::Result<> {
                    ready = true;
                    inside->forget();
                    return {};
                  }});
  inside = &other;
  serve_channel();
  other.found(stub_domid);
  ASSERT_TRUE(other.look());
  until([&] { return ready; });
  settle();
  EXPECT_EQ(other.channel(), nullptr);
}

TEST_F(StubLinkTest, ItsFailureMayHaveItForgotten) {
  also = [this](Event, const std::string &) { link.forget(); };
  qemu_says("running");
  EXPECT_EQ(link.stub(), std::nullopt);
  EXPECT_EQ(events.size(), 1U);
}

TEST_F(StubLinkTest, RestsOnceThatIsDueAndWakesOnce) {
  link.rest();
  link.wake();
  EXPECT_THAT(xen.calls, IsEmpty()) << "nobody has let it rest";
  link.let_rest();
  EXPECT_THAT(xen.calls, IsEmpty());
  link.rest();
  link.rest();
  EXPECT_THAT(xen.calls, ElementsAre("pause 6"));
  link.wake();
  link.wake();
  link.rest();
  EXPECT_THAT(xen.calls, ElementsAre("pause 6", "unpause 6"));
}

TEST_F(StubLinkTest, DoesNotRestIfSomebodyAsksSomethingOfItBefore) {
  link.let_rest();
  link.wake();
  link.rest();
  EXPECT_THAT(xen.calls, IsEmpty());
}

TEST_F(StubLinkTest, OneThatCannotBePausedIsNotUnpaused) {
  xen.fail("pause", EPERM);
  link.let_rest();
  link.rest();
  link.wake();
  EXPECT_THAT(xen.calls, ElementsAre("pause 6"));
}

} // namespace
} // namespace linstub::dm
