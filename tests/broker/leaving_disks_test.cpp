// SPDX-License-Identifier: MIT
#include "broker/leaving_disks.hpp"
#include "fake/turns.hpp"
#include "fake/xenstore.hpp"

#include <gmock/gmock.h>

namespace linstub::broker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LeavingDisksTest : public testing::Test {
protected:
  LeavingDisksTest() { stub_says("0"); }
  void await(const std::string &vdev) {
    leaving.await(xen::DomId{6}, vdev, [this, vdev](const base::Result<> &may_go) {
      gone.push_back(may_go ? vdev : may_go.error().message());
    });
  }
  void stub_says(const std::string &answer) { store.write(left, answer); }
  void answer(const std::string &text) {
    stub_says(text);
    leaving.look();
  }
  std::string question() { return store.read("/local/domain/6/linstub/leaving").value_or("none"); }

  const std::string left = "/local/domain/6/data/linstub/left";
  fake::Xenstore store;
  xen::Xenstore xenstore = xen::Xenstore::connect().value();
  std::unique_ptr<base::EventLoop> loop = base::EventLoop::create().value();
  std::vector<std::string> gone;
  LeavingDisks leaving{*loop, xenstore, base::Milliseconds(60'000)};
};

TEST_F(LeavingDisksTest, ADiskGoesWhenTheStubDomainLetsItGo) {
  await("xvdb");
  EXPECT_EQ(question(), "1 xvdb");
  answer("1");
  EXPECT_THAT(gone, IsEmpty());
  answer("1 xvdb");
  EXPECT_THAT(gone, ElementsAre("xvdb"));
  EXPECT_EQ(question(), "2") << "so that the stub domain forgets it";
  leaving.look();
  EXPECT_THAT(gone, ElementsAre("xvdb")) << "once";
}

TEST_F(LeavingDisksTest, AnAnswerToAnotherQuestionSaysNothing) {
  await("xvdb");
  answer("1 xvdb");
  await("xvdb");
  EXPECT_EQ(question(), "3 xvdb");
  leaving.look();
  EXPECT_THAT(gone, ElementsAre("xvdb")) << "that was the disk before";
  answer("3 xvdb");
  EXPECT_THAT(gone, ElementsAre("xvdb", "xvdb"));
}

TEST_F(LeavingDisksTest, SeveralGoEachAtItsTime) {
  await("xvdb");
  await("xvdc");
  EXPECT_EQ(question(), "2 xvdb xvdc");
  answer("2 xvdc");
  EXPECT_THAT(gone, ElementsAre("xvdc"));
  EXPECT_EQ(question(), "3 xvdb");
  answer("3 xvdb");
  EXPECT_THAT(gone, ElementsAre("xvdc", "xvdb"));
}

TEST_F(LeavingDisksTest, HostileWordsLetNothingGo) {
  await("xvdb");
  for (const std::string &word :
       {std::string(), std::string("xvdb"), std::string("01 xvdb"), std::string("1  xvdb"),
        std::string("1 xvdb "), std::string("1 xvd"), std::string("1 xvdb\0", 7),
        "1 xvdb " + std::string(4000, 'x')}) {
    answer(word);
    EXPECT_THAT(gone, IsEmpty()) << word;
  }
  answer("1 xvda ../xvdc xvdb xvdb");
  EXPECT_THAT(gone, ElementsAre("xvdb"));
}

TEST_F(LeavingDisksTest, AnImageThatCannotBeAskedIsNotWaitedFor) {
  store.remove(left);
  await("xvdb");
  EXPECT_THAT(gone, ElementsAre("xvdb"));
  EXPECT_EQ(question(), "none");
}

TEST_F(LeavingDisksTest, AStubDomainThatDoesNotAnswerIsNotWaitedForForEver) {
  LeavingDisks impatient(*loop, xenstore, base::Milliseconds(100));
  impatient.await(xen::DomId{6}, "xvdb", [this](const base::Result<> &may_go) {
    EXPECT_TRUE(may_go);
    gone.emplace_back("xvdb");
  });
  EXPECT_THAT(gone, IsEmpty());
  fake::serve_until(*loop, [this] { return !gone.empty(); });
  EXPECT_EQ(question(), "2");
}

TEST_F(LeavingDisksTest, WhoGoesWithTheStubDomainIsToldSo) {
  await("xvdb");
  leaving.drop();
  EXPECT_THAT(gone, ElementsAre("disk xvdb goes with its stub domain"));
  answer("1 xvdb");
  EXPECT_THAT(gone, testing::SizeIs(1));
}

} // namespace
} // namespace linstub::broker
