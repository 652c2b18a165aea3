// SPDX-License-Identifier: MIT
#include "dm/saver.hpp"
#include "dm/surroundings.hpp"
#include "fake/image_lock.hpp"

#include <filesystem>

namespace linstub::dm {
namespace {

using base::Deadline;
using base::Milliseconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class SaverTest : public Surroundings {
protected:
  void SetUp() override { connect(); }
  void save_for_toolstack(std::string_view arguments = R"({"filename":"/dev/fdset/1"})") {
    saver.save_for_toolstack(
        {.name = "xen-save-devices-state", .arguments = std::string(arguments), .id = {}}, target,
        answers.taker());
  }
  // libxl's first and last command of a save, for an HVM guest.
  void begin_migration() { saver.before_command("xen-set-global-dirty-log", R"({"enable":true})"); }
  void end_migration() { saver.before_command("xen-set-global-dirty-log", R"({"enable":false})"); }
  void hold_image() {
    fake::image_locks().of_others.clear();
    plan = plan_of("-drive file=/images/guest.img,if=ide,index=0,format=raw");
    host->take_images([](const base::Result<> &taken) { EXPECT_TRUE(taken); });
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
  saver.before_command("query-status", "{}");
  EXPECT_FALSE(is_plugged(wire::state_disk));
  begin_migration();
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
  EXPECT_EQ(content_of(target), marked("the state of QEMU"));
  await_end();
  EXPECT_THAT(program.calls(), ElementsAre("detach 6 xvdaa"));
  EXPECT_EQ(stub.times_opened(wire::Service::save), 1) << "what was prepared was used";
  EXPECT_THAT(xen.calls, ElementsAre("pause 6")) << "the guest is suspended, and so is this";
  EXPECT_THAT(failures, IsEmpty());
  EXPECT_THAT(fake::loops(), Not(IsEmpty())) << "libxl removes it";
}

// libxl's last question of a migration comes before the stub domain rests, and keeps it awake.
TEST_F(SaverTest, WhoASavedGuestMigratesToGetsItsImages) {
  hold_image();
  save_for_toolstack();
  await_question();
  save_in_stub_domain("state");
  await_answer();
  end_migration();
  link.wake();
  EXPECT_THAT(fake::image_locks().held(), IsEmpty());
}

TEST_F(SaverTest, ASnapshotGivesNobodyTheImages) {
  hold_image();
  save_for_toolstack(R"({"filename":"/dev/fdset/1","live":false})");
  await_question();
  save_in_stub_domain("state");
  await_answer();
  await_end();
  EXPECT_THAT(fake::image_locks().held(), ElementsAre("/images/guest.img"));
}

TEST_F(SaverTest, AGuestThatGoesOnHasItsImagesFirst) {
  auto &locks = fake::image_locks();
  plan = plan_of("-drive file=/images/guest.img,if=ide,index=0,format=raw");
  std::vector<std::string> said;
  auto note = [&](const base::Result<> &result) {
    said.push_back(result ? "goes on" : result.error().message());
  };
  locks.of_others = {"/images/guest.img"};
  saver.go_on(note);
  EXPECT_THAT(said, ElementsAre(HasSubstr("guest.img")));
  EXPECT_FALSE(stub.was_asked("cont"));

  locks.of_others.clear();
  saver.go_on(note);
  until([&] { return said.size() == 2; });
  EXPECT_EQ(said.back(), "goes on");
  EXPECT_THAT(locks.held(), ElementsAre("/images/guest.img"));
  EXPECT_TRUE(stub.was_asked("cont"));

  stub.refuse("cont", "no");
  saver.go_on(note);
  until([&] { return said.size() == 3; });
  EXPECT_THAT(said.back(), HasSubstr("no"));
}

TEST_F(SaverTest, ASaveNeedsNoSign) {
  save_for_toolstack();
  await_question();
  save_in_stub_domain("state");
  await_answer();
  EXPECT_THAT(answers.texts, ElementsAre("{}"));
  EXPECT_EQ(content_of(target), marked("state"));
}

TEST_F(SaverTest, TheFileMayBeTakenAwayMeanwhile) {
  save_for_toolstack();
  base::Fd kept(::dup(target.get()));
  target.reset();
  await_question();
  save_in_stub_domain("state");
  await_answer();
  EXPECT_THAT(answers.texts, ElementsAre("{}"));
  EXPECT_EQ(content_of(kept), marked("state"));
}

TEST_F(SaverTest, ASnapshotLeavesQemuItsDisks) {
  save_for_toolstack(R"({"filename":"/dev/fdset/1","live":false})");
  await_question();
  EXPECT_THAT(stub.asked, Contains(HasSubstr(R"("live":false)")));
}

// A guest can bring about that it is suspended, and anybody that its CPUs are listed.
TEST_F(SaverTest, NothingButTheBeginningOfASaveIsASign) {
  for (const char *command : {"query-cpus-fast", "query-status", "stop", "cont", "query-pci"})
    saver.before_command(command, "{}");
  saver.before_command("xen-set-global-dirty-log", "{}");
  saver.before_command("xen-set-global-dirty-log", R"({"enable":"yes"})");
  saver.before_command("xen-set-global-dirty-log", R"({"enable":false})");
  xen.domains[xen::number(guest)].shutdown = 2; // suspended
  settle();
  EXPECT_FALSE(is_plugged(wire::state_disk));
  EXPECT_EQ(stub.times_opened(wire::Service::save), 0);
  EXPECT_THAT(program.calls(), IsEmpty());
}

TEST_F(SaverTest, TheEndOfAMigrationThatFailedIsTheEndOfItsDisk) {
  begin_migration();
  begin_migration();
  await_save_stream();
  EXPECT_EQ(stub.times_opened(wire::Service::save), 1);
  end_migration();
  EXPECT_TRUE(saver.busy());
  await_end();
  EXPECT_THAT(program.calls(), ElementsAre("detach 6 xvdaa"));
  until([this] { return !stub.has(wire::Service::save); });
  end_migration();
  settle();
  EXPECT_EQ(program.calls().size(), 1U);
}

TEST_F(SaverTest, TheEndOfASaveDoesNotEndTheDiskOfTheNext) {
  save_for_toolstack();
  await_question();
  end_migration();
  save_in_stub_domain("state");
  await_answer();
  EXPECT_THAT(answers.texts, ElementsAre("{}"));
}

TEST_F(SaverTest, AToolstackIsGivenPlainBytesOnlyIfTheSettingSaysSo) {
  auto context = saver_context();
  context.form = disk::SavedForm::plain;
  Saver portable(context, [](const std::string &) {});
  portable.save_for_toolstack(
      {.name = "xen-save-devices-state", .arguments = R"({"filename":"/dev/fdset/1"})", .id = {}},
      target, answers.taker());
  await_question();
  save_in_stub_domain("state");
  await_answer();
  EXPECT_EQ(content_of(target), "state");
}

TEST_F(SaverTest, NoSaveIsExpectedWhileNobodyIsServed) {
  life.phase = Phase::booting;
  begin_migration();
  life.phase = Phase::serving;
  leave();
  begin_migration();
  end_migration();
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
  EXPECT_EQ(content_of(target), marked("the second"));
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
