// SPDX-License-Identifier: MIT
#include "broker/stubdom.hpp"
#include "fake/program.hpp"
#include "fake/turns.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

namespace linstub::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

plan::Description description() { return {.guest = xen::DomId{5}, .name = "sunny-dm"}; }

class StubdomTest : public testing::Test {
protected:
  void until(const std::function<bool()> &done) { fake::serve_until(*loop, done); }
  void settle() { fake::serve_ready(*loop); }

  std::unique_ptr<base::EventLoop> loop = base::EventLoop::create().value();

  // "8", or the error.
  std::string create(int keeper_pipe = -1) {
    std::string told;
    stubdom->create(description(), keeper_pipe, [&](const base::Result<xen::DomId> &made) {
      told = made ? base::format("{}", *made) : made.error().message();
    });
    EXPECT_EQ(told, "") << "from the loop only";
    until([&] { return !told.empty(); });
    return told;
  }
  Stubdom::Done noter(const std::string &name) {
    return [this, name](const base::Result<> &result) {
      ended.push_back(name + (result ? "" : ": " + result.error().message()));
    };
  }

  fake::Program program;
  std::optional<Stubdom> stubdom{std::in_place, *loop, program.path()};
  std::vector<std::string> ended;
};

TEST_F(StubdomTest, CreateGivesTheDomidThatTheProgramPrints) {
  program.ends(0, "8\n", "libxl: warning: something\nlinstub-stubdom: info: made\n");
  EXPECT_EQ(create(), "8");
  EXPECT_THAT(program.calls(), ElementsAre("create"));
  auto read = plan::decode_description(program.input());
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->name, "sunny-dm");
}

TEST_F(StubdomTest, TheProgramHoldsTheKeepersPipeOpen) {
  base::Pipe pipe = base::make_pipe().value();
  ASSERT_TRUE(base::set_nonblocking(pipe.read));
  program.hold();
  bool done = false;
  stubdom->create(description(), pipe.write.get(), [&](const auto &) { done = true; });
  pipe.write.reset();
  until([&] { return !program.calls().empty(); });
  char byte = 0;
  EXPECT_EQ(::read(pipe.read.get(), &byte, 1), -1) << "somebody holds the other end";
  program.let_go();
  until([&] { return done; });
  until([&] { return ::read(pipe.read.get(), &byte, 1) == 0; });
}

TEST_F(StubdomTest, WhatIsNotTheNumberOfADomainIsAnError) {
  for (const char *output : {"", "\n", "0x8", "-1", "8 9", "08", "32752", "8\n\n", "domain 8"}) {
    program.ends(0, output);
    EXPECT_NE(create(), "8") << output;
  }
  program.ends(0, "8");
  EXPECT_EQ(create(), "8") << "but for a line end";
}

TEST_F(StubdomTest, TheLastLineOfAProgramThatFailsIsTheReason) {
  program.ends(1, "8\n",
               "linstub-stubdom: error: something before\n"
               "libxl: error: libxl_device.c:1389:cb: no such bridge\n"
               "libxl: error: libxl_create.c:12:cb: cannot add the device\n"
               "linstub-stubdom: error: add the vif\n");
  EXPECT_EQ(create(), "add the vif: no such bridge");
}

TEST_F(StubdomTest, OneThatFailsWithoutAWordIsSaidToHave) {
  program.ends(3);
  EXPECT_EQ(create(), "exited with status 3");
}

TEST_F(StubdomTest, AProgramThatIsNotThereIsToldFromTheLoop) {
  stubdom.emplace(*loop, "/nonexistent/linstub-stubdom");
  EXPECT_THAT(create(), HasSubstr("/nonexistent/linstub-stubdom"));
  stubdom->destroy(xen::DomId{5}, noter("destroy"));
  EXPECT_THAT(ended, IsEmpty());
  until([&] { return !ended.empty(); });
  EXPECT_THAT(ended, ElementsAre(HasSubstr("destroy: ")));
}

TEST_F(StubdomTest, EachTaskHasItsArguments) {
  stubdom->destroy(xen::DomId{5}, noter("destroy"));
  stubdom->detach(xen::DomId{6}, "xvdaa", noter("detach"));
  stubdom->finish_restore(xen::DomId{6}, 56, noter("finish-restore"));
  stubdom->rename(xen::DomId{6}, "rainy-dm", noter("rename"));
  until([&] { return ended.size() == 4; });
  EXPECT_THAT(ended, UnorderedElementsAre("destroy", "detach", "finish-restore", "rename"));
  EXPECT_THAT(program.calls(), UnorderedElementsAre("destroy 5", "detach 6 xvdaa",
                                                    "finish-restore 6 56", "rename 6 rainy-dm"));
}

TEST_F(StubdomTest, DisksAreUnpluggedOneAfterTheOther) {
  program.hold();
  for (const char *vdev : {"xvdb", "xvdc", "xvdd"})
    stubdom->detach(xen::DomId{6}, vdev, noter(vdev));
  until([&] { return !program.calls().empty(); });
  settle();
  EXPECT_THAT(program.calls(), ElementsAre("detach 6 xvdb"));
  program.let_go();
  until([&] { return ended.size() == 3; });
  EXPECT_THAT(ended, ElementsAre("xvdb", "xvdc", "xvdd"));
}

TEST_F(StubdomTest, ATaskMayStartTheNextFromItsEnd) {
  stubdom->detach(xen::DomId{6}, "xvdc", [this](const base::Result<> &) {
    ended.emplace_back("detach");
    stubdom->destroy(xen::DomId{5}, noter("destroy"));
  });
  until([&] { return ended.size() == 2; });
  EXPECT_THAT(ended, ElementsAre("detach", "destroy"));
}

TEST_F(StubdomTest, ATaskThatHangsIsKilledWhenTheObjectGoesAndNobodyIsCalled) {
  program.hold();
  stubdom->destroy(xen::DomId{5}, noter("destroy"));
  until([&] { return !program.calls().empty(); });
  pid_t pid = program.last_pid();
  ASSERT_EQ(::kill(pid, 0), 0);
  stubdom.reset();
  EXPECT_NE(::kill(pid, 0), 0);
  settle();
  EXPECT_THAT(ended, IsEmpty());
}

TEST_F(StubdomTest, ATaskThatCouldNotBeStartedIsForgottenWithTheObject) {
  stubdom.emplace(*loop, "/nonexistent/linstub-stubdom");
  stubdom->destroy(xen::DomId{5}, noter("destroy"));
  stubdom.reset();
  settle();
  EXPECT_THAT(ended, IsEmpty());
}

} // namespace
} // namespace linstub::broker
