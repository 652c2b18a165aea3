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
  StubLinkTest() { make_stub_domain(); }
  [[nodiscard]] std::string last_words() const { return link.last_words("sunny"); }
};

TEST_F(StubLinkTest, TheWordsOfLinstubInitTellWhatItWaitedFor) {
  using broker::StubWord;
  EXPECT_THAT(last_words(), HasSubstr("it has said nothing"));
  EXPECT_THAT(last_words(), HasSubstr("xl console sunny-dm"));
  link.heard(StubWord::booting);
  EXPECT_THAT(last_words(), HasSubstr("starting up"));
  link.heard(StubWord::devices);
  EXPECT_THAT(last_words(), HasSubstr("waited for its disks"));
  link.heard(StubWord::qemu);
  EXPECT_THAT(last_words(), HasSubstr("QEMU was starting"));
  link.heard(StubWord::running);
  EXPECT_THAT(last_words(), HasSubstr("monitor did not answer"));
  link.heard(StubWord::failed);
  EXPECT_EQ(last_words(), "it had failed");
  link.forget();
  EXPECT_EQ(last_words(), "it was still being made");
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
      *loop, *host,
      {.happened = [this](Event event, const std::string &why) { events.emplace_back(event, why); },
       .on_channel = [](Channel &) -> base::Result<> { return base::fail("no stream"); }});
  other.found(stub_domid);
  ASSERT_TRUE(other.connect(std::make_unique<fake::Transport>(wire)));
  wire.client_comes();
  until([this] { return !events.empty(); });
  EXPECT_THAT(events, ElementsAre(Pair(Event::stub_failed, "no stream")));
}

TEST_F(StubLinkTest, ForgettingEndsAllThatComesFromIt) {
  await_qemu();
  events.clear();
  leave();
  EXPECT_EQ(link.stub(), std::nullopt);
  EXPECT_EQ(link.channel(), nullptr);
  wire.client_goes();
  settle();
  EXPECT_THAT(events, IsEmpty());
  EXPECT_TRUE(link.connect(std::make_unique<fake::Transport>(wire)));
  EXPECT_EQ(link.channel(), nullptr) << "it comes too late";
}

TEST_F(StubLinkTest, MayBeForgottenFromInsideItsChannel) {
  StubLink *inside = nullptr;
  bool ready = false;
  StubLink other(*loop, *host,
                 {.happened = [](Event, const std::string &) {},
                  .on_channel = [&](Channel &) -> base::Result<> {
                    ready = true;
                    inside->forget();
                    return {};
                  }});
  inside = &other;
  other.found(stub_domid);
  ASSERT_TRUE(other.connect(std::make_unique<fake::Transport>(wire)));
  wire.client_comes();
  until([&] { return ready; });
  settle();
  EXPECT_EQ(other.channel(), nullptr);
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
