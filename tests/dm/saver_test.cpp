// SPDX-License-Identifier: MIT
#include "dm/saver.hpp"
#include "dm/surroundings.hpp"

namespace linstub::dm {
namespace {

using base::Deadline;
using base::Milliseconds;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class SaverTest : public Surroundings {
protected:
  void SetUp() override {
    if (!can_make_state_files())
      GTEST_SKIP() << "not root";
    connect();
  }
  void save_for_toolstack(std::string_view arguments = R"({"filename":"/dev/fdset/1"})") {
    saver.save_for_toolstack(
        {.name = "xen-save-devices-state", .arguments = std::string(arguments), .id = {}}, target,
        answers.taker());
  }
  void await_question() {
    until([this] { return stub.was_asked("xen-save-devices-state"); });
  }
  void await_answer(size_t number = 1) {
    until([&] { return answers.texts.size() == number; });
  }
  void await_end() {
    until([this] { return !saver.busy(); });
  }

  base::Fd target = memory("from a save before");
  Answers answers;
  std::vector<std::string> failures;
  Saver saver{saver_context(), [this](const std::string &why) { failures.push_back(why); }};
};

TEST_F(SaverTest, ASaveForTheToolstackGoesFromTheFirstSignToTheAnswer) {
  saver.before_command("query-status");
  EXPECT_FALSE(is_plugged(wire::state_disk));
  saver.before_command("query-cpus-fast");
  EXPECT_TRUE(is_plugged(wire::state_disk));
  EXPECT_FALSE(saver.busy());
  await_save_stream();

  save_for_toolstack();
  await_question();
  EXPECT_THAT(stub.asked,
              ElementsAre(R"(xen-save-devices-state {"filename":"/run/save.pipe","live":true})"));
  save_in_stub_domain("the state of QEMU");
  await_answer();
  EXPECT_THAT(answers.texts, ElementsAre("{}"));
  EXPECT_EQ(content_of(target), "the state of QEMU");
  await_end();
  EXPECT_THAT(program.calls(), ElementsAre("detach 6 xvdaa"));
  EXPECT_EQ(stub.times_opened(wire::Service::save), 1) << "what was prepared was used";
  EXPECT_THAT(xen.calls, ElementsAre("pause 6")) << "the guest is suspended, and so is this";
  EXPECT_THAT(failures, IsEmpty());
  EXPECT_THAT(fake::loops(), Not(IsEmpty())) << "libxl removes it";
}

TEST_F(SaverTest, ASaveNeedsNoSign) {
  save_for_toolstack();
  await_question();
  save_in_stub_domain("state");
  await_answer();
  EXPECT_THAT(answers.texts, ElementsAre("{}"));
  EXPECT_EQ(content_of(target), "state");
}

TEST_F(SaverTest, TheFileMayBeTakenAwayMeanwhile) {
  save_for_toolstack();
  base::Fd kept(::dup(target.get()));
  target.reset();
  await_question();
  save_in_stub_domain("state");
  await_answer();
  EXPECT_THAT(answers.texts, ElementsAre("{}"));
  EXPECT_EQ(content_of(kept), "state");
}

TEST_F(SaverTest, ASnapshotLeavesQemuItsDisks) {
  save_for_toolstack(R"({"filename":"/dev/fdset/1","live":false})");
  await_question();
  EXPECT_THAT(stub.asked, Contains(HasSubstr(R"("live":false)")));
}

TEST_F(SaverTest, ThatTheGuestIsSuspendedIsASignOnce) {
  saver.guest_is_suspended(false);
  EXPECT_FALSE(is_plugged(wire::state_disk));
  saver.guest_is_suspended(true);
  EXPECT_TRUE(is_plugged(wire::state_disk));
  await_save_stream();
  saver.guest_is_suspended(true);
  settle();
  EXPECT_EQ(stub.times_opened(wire::Service::save), 1);
}

TEST_F(SaverTest, NoSaveIsExpectedWhileNobodyIsServed) {
  life.phase = Phase::booting;
  saver.before_command("query-cpus-fast");
  life.phase = Phase::serving;
  leave();
  saver.before_command("query-cpus-fast");
  EXPECT_FALSE(is_plugged(wire::state_disk));
}

TEST_F(SaverTest, ASecondSaveWaitsForTheDiskOfTheFirst) {
  program.hold();
  save_for_toolstack();
  await_question();
  save_in_stub_domain("first");
  await_answer();
  EXPECT_TRUE(saver.busy());
  save_for_toolstack();
  settle();
  EXPECT_EQ(stub.times_opened(wire::Service::save), 1);
  EXPECT_EQ(answers.texts.size(), 1U);

  stub.asked.clear();
  program.let_go();
  await_question();
  save_in_stub_domain("the second");
  await_answer(2);
  EXPECT_THAT(answers.texts, ElementsAre("{}", "{}"));
  EXPECT_EQ(content_of(target), "the second");
  await_end();
  EXPECT_EQ(program.calls().size(), 2U);
}

TEST_F(SaverTest, ASecondSaveWakesAStubDomainThatRests) {
  save_for_toolstack();
  await_question();
  save_in_stub_domain("first");
  until([this] { return !xen.calls.empty(); });
  stub.asked.clear();
  save_for_toolstack();
  EXPECT_THAT(xen.calls, ElementsAre("pause 6", "unpause 6"));
  await_question();
  save_in_stub_domain("second");
  await_answer(2);
  await_end();
}

TEST_F(SaverTest, WhatIsAskedMeanwhileKeepsTheStubDomainAwake) {
  program.hold();
  save_for_toolstack();
  await_question();
  save_in_stub_domain("state");
  await_answer();
  link.wake();
  program.let_go();
  await_end();
  EXPECT_THAT(xen.calls, IsEmpty());
}

TEST_F(SaverTest, AFailureOfQemuIsAnsweredAndTheDiskGoes) {
  stub.refuse("xen-save-devices-state", "a device cannot");
  save_for_toolstack();
  await_answer();
  EXPECT_THAT(answers.texts, ElementsAre("error: QEMU cannot save its state: a device cannot"));
  EXPECT_THAT(failures, ElementsAre("QEMU cannot save its state: a device cannot"));
  await_end();
  EXPECT_THAT(program.calls(), ElementsAre("detach 6 xvdaa"));
  EXPECT_THAT(xen.calls, IsEmpty()) << "the guest goes on, and its device model";
}

TEST_F(SaverTest, AStateThatIsNotWholeIsAnError) {
  save_for_toolstack();
  await_question();
  stub.commit();
  await_answer();
  EXPECT_THAT(answers.texts, ElementsAre(HasSubstr("no complete state")));
  EXPECT_THAT(failures, ElementsAre(HasSubstr("no complete state")));
  await_end();
  EXPECT_THAT(program.calls(), ElementsAre("detach 6 xvdaa"));
}

TEST_F(SaverTest, AbandoningAnswersWhoWaits) {
  save_for_toolstack();
  save_for_toolstack();
  await_question();
  life.phase = Phase::ending;
  saver.abandon();
  EXPECT_THAT(answers.texts, ElementsAre("error: the stub domain is going",
                                         "error: the device model is being replaced"));
  EXPECT_THAT(failures, IsEmpty()) << "it is no failure of the save";
  EXPECT_FALSE(saver.busy());
  settle();
  EXPECT_THAT(program.calls(), IsEmpty());
}

TEST_F(SaverTest, ASaveThatCannotBeginIsAnswered) {
  life.phase = Phase::saving;
  save_for_toolstack();
  EXPECT_THAT(answers.texts, ElementsAre("error: the device model is being replaced"));
  life.phase = Phase::serving;
  store.write(toolstack_node(wire::state_disk) + "/backend", "x");
  save_for_toolstack();
  await_answer(2);
  EXPECT_THAT(answers.texts[1], HasSubstr("a former one is still there"));
}

TEST_F(SaverTest, ASaveForAnUpgradeIsWhatTheNextStubDomainStartsFrom) {
  bool ready = false;
  saver.prepare_for_upgrade([&] { ready = true; });
  until([&] { return ready; });
  std::vector<uint64_t> lengths;
  ASSERT_TRUE(saver.save_for_upgrade(
      Deadline::after(Milliseconds(20'000)),
      [&](const base::Result<uint64_t> &length) { lengths.push_back(length.value_or(0)); }));
  await_question();
  EXPECT_FALSE(saver.expects_arrival());
  std::string path = file_behind(wire::state_disk);
  save_in_stub_domain("state");
  until([&] { return !lengths.empty(); });
  EXPECT_THAT(lengths, ElementsAre(5U));
  EXPECT_TRUE(saver.expects_arrival());
  EXPECT_FALSE(saver.busy()) << "the disk goes with the stub domain";
  EXPECT_THAT(program.calls(), IsEmpty());

  saver.arrived();
  EXPECT_FALSE(saver.expects_arrival());
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
  await_end();
  saver.arrived();
  await_end();
  EXPECT_THAT(program.calls(), ElementsAre(StartsWith("finish-restore 6 ")));
}

TEST_F(SaverTest, AFailedSaveForAnUpgradeLeavesNoStateAndNoDisk) {
  std::vector<std::string> told;
  ASSERT_TRUE(saver.save_for_upgrade(Deadline::after(Milliseconds(20'000)),
                                     [&](const base::Result<uint64_t> &length) {
                                       told.push_back(length ? "saved" : length.error().message());
                                     }));
  await_question();
  stub.commit();
  until([&] { return !told.empty(); });
  EXPECT_THAT(told, ElementsAre(HasSubstr("no complete state")));
  EXPECT_FALSE(saver.expects_arrival());
  await_end();
  EXPECT_THAT(program.calls(), ElementsAre("detach 6 xvdaa"));
}

TEST_F(SaverTest, AnUpgradeThatIsAbandonedIsNotTold) {
  bool told = false;
  ASSERT_TRUE(saver.save_for_upgrade(Deadline::after(Milliseconds(20'000)),
                                     [&](const auto &) { told = true; }));
  await_question();
  saver.abandon();
  settle();
  EXPECT_FALSE(told);
  EXPECT_FALSE(saver.busy());
}

} // namespace
} // namespace linstub::dm
