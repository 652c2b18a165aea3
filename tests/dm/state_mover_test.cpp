// SPDX-License-Identifier: MIT
#include "dm/state_mover.hpp"
#include "dm/surroundings.hpp"

namespace linstub::dm {
namespace {

using base::Deadline;
using base::Milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class StateMoverTest : public Surroundings {
protected:
  void SetUp() override { connect(); }
  [[nodiscard]] StateSave::Context context() {
    return {.loop = *loop, .channel = *link.channel(), .monitors = *monitors, .host = *host};
  }
  void expect() {
    mover.expect(context(), [this] { ready++; });
  }
  base::Result<> save() {
    return mover.save(context(), SaveFor::elsewhere, Deadline::after(Milliseconds(20'000)),
                      [this](const base::Result<SavedState> &state) {
                        ended.push_back(state ? "saved" : state.error().message());
                        code = state ? 0 : state.error().code();
                      });
  }
  void plug() {
    host->plug_state([](const base::Result<base::Fd> &file) { EXPECT_TRUE(file); });
  }
  void note_idle(const std::string &name) {
    mover.when_idle([this, name] { idle.push_back(name); });
  }

  int ready = 0;
  std::vector<std::string> ended;
  int code = 0;
  std::vector<std::string> idle;
  StateMover mover{*loop, *host};
};

TEST_F(StateMoverTest, ExpectsASaveWithoutBeingBusy) {
  expect();
  until([this] { return ready == 1; });
  EXPECT_TRUE(is_plugged(wire::state_disk));
  EXPECT_FALSE(mover.busy());
  expect();
  EXPECT_EQ(ready, 2) << "at once, for all is prepared";
  EXPECT_EQ(stub.times_opened(wire::Service::save), 1);
  EXPECT_FALSE(stub.was_asked("xen-save-devices-state"));
}

TEST_F(StateMoverTest, TheSaveThatWasExpectedUsesWhatWasPrepared) {
  expect();
  until([this] { return ready == 1; });
  ASSERT_TRUE(save());
  EXPECT_TRUE(mover.busy());
  until([this] { return stub.was_asked("xen-save-devices-state"); });
  save_in_stub_domain("state");
  until([this] { return !ended.empty(); });
  EXPECT_THAT(ended, ElementsAre("saved"));
  EXPECT_EQ(stub.times_opened(wire::Service::save), 1);
}

TEST_F(StateMoverTest, WhoExpectsASaveIsToldAlsoIfOneBeginsMeanwhile) {
  stub.accepts_saves = false;
  expect();
  await_save_stream();
  ASSERT_TRUE(save());
  expect();
  EXPECT_EQ(ready, 1) << "the second, since there is nothing to prepare while it is busy";
  stub.accept_save();
  until([this] { return stub.was_asked("xen-save-devices-state"); });
  save_in_stub_domain("state");
  until([this] { return ready == 2; });
}

TEST_F(StateMoverTest, APreparationThatFailsIsUndoneAndNoHopeIsLeft) {
  program.hold();
  stub.accepts_saves = false;
  expect();
  await_save_stream();
  stub.close(wire::Service::save, "no disk");
  until([this] { return mover.busy(); });
  EXPECT_EQ(ready, 0);
  note_idle("one");
  program.let_go();
  until([this] { return ready == 1; });
  EXPECT_THAT(program.calls(), ElementsAre("detach 6 xvdaa"));
  EXPECT_FALSE(mover.busy());
  EXPECT_THAT(idle, ElementsAre("one"));
}

TEST_F(StateMoverTest, APreparationThatCannotBeginLeavesNothingBehind) {
  store.write(toolstack_node(wire::state_disk) + "/backend", "x");
  expect();
  until([this] { return ready == 1; });
  EXPECT_FALSE(mover.busy());
  ASSERT_TRUE(save());
  until([this] { return !ended.empty(); });
  EXPECT_THAT(ended, ElementsAre(HasSubstr("a former one is still there")));
  EXPECT_FALSE(mover.busy());
  unplug(wire::state_disk);
  EXPECT_TRUE(save()) << "later it may work";
}

TEST_F(StateMoverTest, OneSaveAtATime) {
  ASSERT_TRUE(save());
  auto second = save();
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message(), HasSubstr("moved already"));
  EXPECT_THAT(ended, IsEmpty());
}

TEST_F(StateMoverTest, AllWhoWaitAreToldWhenTheDiskHasGone) {
  program.hold();
  note_idle("at once");
  EXPECT_THAT(idle, ElementsAre("at once"));
  plug();
  bool gone = false;
  mover.detach([&] { gone = true; });
  note_idle("one");
  note_idle("two");
  settle();
  EXPECT_TRUE(mover.busy());
  EXPECT_EQ(idle.size(), 1U);
  program.let_go();
  until([&] { return gone; });
  EXPECT_THAT(idle, ElementsAre("at once", "one", "two"));
}

TEST_F(StateMoverTest, ADiskThatDoesNotGoIsNotWaitedForForever) {
  program.ends(1, {}, "linstub-stubdom: error: it is in use\n");
  plug();
  // And may be tried again.
  for (int i = 0; i < 2; i++) {
    bool gone = false;
    mover.detach([&] { gone = true; });
    until([&] { return gone; });
    EXPECT_FALSE(mover.busy());
  }
  EXPECT_THAT(program.calls(), ElementsAre("detach 6 xvdaa", "detach 6 xvdaa"));
}

// A kernel that was slow would not see that the former one has gone.
TEST_F(StateMoverTest, EachDiskHasAnotherNameThanTheOneBefore) {
  for (int i = 0; i < 4; i++) {
    plug();
    bool gone = false;
    mover.detach([&] { gone = true; });
    until([&] { return gone; });
    for (const char *name : wire::state_disks)
      unplug(name);
  }
  EXPECT_THAT(program.calls(),
              ElementsAre("detach 6 xvdaa", "detach 6 xvdzx", "detach 6 xvdzy", "detach 6 xvdaa"));
}

TEST_F(StateMoverTest, AfterARestoreTheDiskAndTheMemoryGo) {
  mover.finish_restore();
  note_idle("one");
  until([this] { return !idle.empty(); });
  EXPECT_THAT(program.calls(), IsEmpty()) << "there was no state";
}

TEST_F(StateMoverTest, AbandoningTellsWhoWaitsForASaveFromInsideTheCall) {
  stub.leave("xen-save-devices-state");
  ASSERT_TRUE(save());
  note_idle("one");
  until([this] { return stub.was_asked("xen-save-devices-state"); });
  mover.abandon();
  EXPECT_THAT(ended, ElementsAre("the stub domain is going"));
  EXPECT_EQ(code, ECANCELED);
  EXPECT_THAT(idle, ElementsAre("one"));
  EXPECT_FALSE(mover.busy());
  stub.finish("xen-save-devices-state");
  settle();
  EXPECT_EQ(ended.size(), 1U);
  EXPECT_THAT(program.calls(), IsEmpty()) << "the disk goes with the stub domain";
}

TEST_F(StateMoverTest, AbandoningTellsWhoExpectsASave) {
  stub.accepts_saves = false;
  expect();
  await_save_stream();
  mover.abandon();
  EXPECT_EQ(ready, 1);
  until([this] { return !stub.has(wire::Service::save); });
  mover.abandon();
  EXPECT_EQ(ready, 1);
  EXPECT_THAT(ended, IsEmpty());
}

} // namespace
} // namespace linstub::dm
