// SPDX-License-Identifier: MIT
#include "broker/stub_watch.hpp"
#include "fake/xenctrl.hpp"
#include "fake/xenstore.hpp"
#include "wire/paths.hpp"

#include <gmock/gmock.h>

#include <map>

namespace linstub::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class StubWatchTest : public testing::Test {
protected:
  StubWatchTest() {
    xen.domains[6] = {};
    store.write(home, "");
    EXPECT_TRUE(watch.follow(xen::DomId{6}));
  }
  void says(std::string_view word) {
    store.write(home + "/data/linstub/state", word);
    watch.look();
  }
  void qemu_says(std::string_view word) {
    store.write(home + "/device-model/5/state", word);
    watch.look();
  }
  void look_whether_it_lives() { ASSERT_TRUE(watch.look_whether_it_lives()); }

  const std::string home = "/local/domain/6";
  fake::Xenstore store;
  fake::Xen xen;
  xen::Control control = xen::Control::open().value();
  xen::Xenstore xenstore = xen::Xenstore::connect().value();
  std::vector<StubWord> words;
  std::vector<std::string> told;
  std::function<void()> also = [] {};
  StubWatch watch{xenstore,
                  control,
                  xen::DomId{5},
                  {.said = [this](StubWord word) { words.push_back(word); },
                   .failed = [this](const std::string &why) { told.push_back(why); },
                   .qemu_runs =
                       [this] {
                         told.emplace_back("QEMU runs");
                         also();
                       },
                   .serves_channel = [this] { told.emplace_back("channel"); },
                   .gone = [this](const std::string &why) { told.push_back(why); }}};
};

TEST_F(StubWatchTest, ADiskThatLacksSomethingIsSaidAndNotForUse) {
  const std::string node = home + "/data/linstub/disks";
  for (const auto &[disks, damaged] :
       std::map<std::string, std::string>{{"xvda xvdb! xvdc", "xvdb"},
                                          {"xvda!", "xvda"},
                                          {"xvda xvdb", ""},
                                          {"", ""},
                                          {"! !", ""},
                                          {"xvda /etc/x!", ""},
                                          {"\x1b[2J!", ""}}) {
    store.write(node, disks);
    EXPECT_EQ(damaged_disk(xenstore, xen::DomId{6}).value().value_or(""), damaged) << disks;
  }
  store.write(node, "xvda xvdb!");
  EXPECT_TRUE(has_disk(xenstore, xen::DomId{6}, "xvda").value());
  EXPECT_FALSE(has_disk(xenstore, xen::DomId{6}, "xvdb").value());
}

TEST_F(StubWatchTest, TheWordsOfLinstubInitAreToldAsTheyChange) {
  for (const char *word : {"booting", "devices", "devices", "qemu", "running"})
    says(word);
  EXPECT_THAT(words,
              ElementsAre(StubWord::booting, StubWord::devices, StubWord::qemu, StubWord::running));
  EXPECT_THAT(told, IsEmpty());
}

TEST_F(StubWatchTest, HostileWordsAreIgnored) {
  for (const std::string &word :
       {std::string("unknown"), std::string(), std::string("qemu "), std::string("FAILED"),
        std::string("failed\0", 7), std::string(17, 'x'), std::string(4000, 'x')})
    says(word);
  for (const std::string &word : {std::string("Running"), std::string(4000, 'r')})
    qemu_says(word);
  EXPECT_THAT(words, IsEmpty());
  EXPECT_THAT(told, IsEmpty());
}

TEST_F(StubWatchTest, AFailureIsToldWithItsReasonInPrintableCharacters) {
  store.write(home + "/data/linstub/error", "no \x1b[31mdisk\nand \xff more");
  says("failed");
  EXPECT_THAT(told, ElementsAre("the stub domain has failed: no ?[31mdisk?and ? more"));
}

TEST_F(StubWatchTest, AFailureNeedsNoReason) {
  says("failed");
  EXPECT_THAT(told, ElementsAre(HasSubstr("no reason")));
}

TEST_F(StubWatchTest, ALongReasonIsCut) {
  store.write(home + "/data/linstub/error", std::string(4000, 'x'));
  says("failed");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_LT(told[0].size(), wire::longest_error + 50);
}

TEST_F(StubWatchTest, ThatQemuRunsIsToldOnce) {
  qemu_says("running");
  qemu_says("running");
  EXPECT_THAT(told, ElementsAre("QEMU runs"));
}

TEST_F(StubWatchTest, TheChannelIsToldOnceAndWhenBothOfItsNodesAreThere) {
  watch.look();
  store.write(home + "/data/linstub/channel/ring-ref", "8");
  store.write(home + "/data/linstub/channel/event-channel", std::string(17, '9'));
  watch.look();
  EXPECT_THAT(told, IsEmpty()) << "no number is so long";
  store.write(home + "/data/linstub/channel/event-channel", "9");
  watch.look();
  watch.look();
  EXPECT_THAT(told, ElementsAre("channel"));
}

TEST_F(StubWatchTest, ItsEndIsToldHoweverItComes) {
  auto &domain = xen.domains[6];
  look_whether_it_lives();
  domain.pauses = 1; // resting
  look_whether_it_lives();
  EXPECT_THAT(told, IsEmpty());
  store.write("/libxl/6/device/vbd/51712/frontend", home + "/device/vbd/51712");
  store.write("/libxl/6/device/vbd/51712/backend", "/local/domain/0/backend/vbd/6/51712");
  look_whether_it_lives();
  domain.pauses = 0;
  domain.shutdown = 0;
  look_whether_it_lives();
  domain.dying = true;
  look_whether_it_lives();
  xen.domains.erase(6);
  look_whether_it_lives();
  EXPECT_THAT(told, ElementsAre("somebody destroys the stub domain",
                                "the stub domain has ended (poweroff)",
                                "the stub domain has been destroyed",
                                "the stub domain has been destroyed"));
}

TEST_F(StubWatchTest, ForgettingEndsTheWatchesAndAllThatComesFromIt) {
  EXPECT_EQ(store.watches(), 3U);
  watch.forget();
  EXPECT_EQ(store.watches(), 0U);
  xen.domains.erase(6);
  says("failed");
  look_whether_it_lives();
  EXPECT_THAT(told, IsEmpty());
  watch.forget();
}

TEST_F(StubWatchTest, TheNextStubDomainIsAnother) {
  says("running");
  qemu_says("running");
  ASSERT_TRUE(watch.follow(xen::DomId{7}));
  EXPECT_EQ(store.watches(), 3U);
  watch.look();
  store.write("/local/domain/7/device-model/5/state", "running");
  watch.look();
  EXPECT_THAT(told, ElementsAre("QEMU runs", "QEMU runs"));
}

TEST_F(StubWatchTest, WhatItTellsMayHaveItForgotten) {
  also = [this] { watch.forget(); };
  store.write(home + "/data/linstub/channel/ring-ref", "8");
  store.write(home + "/data/linstub/channel/event-channel", "9");
  qemu_says("running");
  EXPECT_THAT(told, ElementsAre("QEMU runs"));
}

} // namespace
} // namespace linstub::broker
