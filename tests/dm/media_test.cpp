// SPDX-License-Identifier: MIT
#include "dm/media.hpp"
#include "dm/surroundings.hpp"
#include "fake/image_lock.hpp"
#include "plan/drives.hpp"

#include <filesystem>

namespace linstub::dm {
namespace {

using base::Milliseconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr const char *drive = R"({"id":"ide-5632"})";

// A hard disk xvda, and a CD-ROM drive with the medium xvdb.
class MediaTest : public Surroundings {
protected:
  MediaTest() {
    plan = plan_of("-drive file=/images/guest.img,if=ide,index=0,format=raw "
                   "-drive if=none,readonly=on,id=ide-5632,file=/images/old.iso,format=raw "
                   "-device ide-cd,id=ide-5632,drive=ide-5632,bus=ide.1,unit=0");
    locks.of_others.clear();
    connect();
    media_told = &media;
  }

  [[nodiscard]] std::string medium() const {
    return plan::medium_of(plan, "ide-5632").value().value_or("none");
  }
  [[nodiscard]] std::string path_of(std::string_view vdev) const {
    const std::vector<disk::Disk> disks = plan::disks_of(plan);
    auto disk = std::ranges::find(disks, vdev, &disk::Disk::vdev);
    return disk == disks.end() ? "" : disk->path;
  }

  void eject(const std::string &arguments = drive) { media.eject(arguments, answers.taker()); }
  void change(const std::string &arguments = drive) {
    media.change(arguments, base::open_file(new_medium, O_RDONLY).value(), answers.taker());
  }
  static bool is_held(const std::string &path) {
    std::error_code error;
    return std::ranges::any_of(
        std::filesystem::directory_iterator("/proc/self/fd"),
        [&](const auto &fd) { return std::filesystem::read_symlink(fd.path(), error) == path; });
  }
  void change_in(Media &one) {
    one.change(drive, base::open_file(new_medium, O_RDONLY).value(), answers.taker());
  }
  void has_disks_in(Media &one, std::string_view names) {
    media_told = &one;
    has_disks(names);
  }
  // Which file of dom0 a disk leads to.
  std::string opened(const std::string &vdev) {
    return std::filesystem::canonical(file_behind(vdev)).string();
  }
  std::string content_of_medium(const std::string &vdev) {
    return base::read_file(path_of(vdev), 4096).value_or("(cannot be read)");
  }
  // linstub-init says which disks QEMU can open.
  void has_disks(std::string_view names) {
    store.write(home + "/data/linstub/disks", names);
    for (auto end = base::Deadline::after(base::Milliseconds(150)); !end.passed();)
      turn(); // the broker looks now and then
  }
  // The next one has the same number here.
  void replace_stub_domain() {
    bool gone = false;
    host->remove([&](const base::Result<> &) { gone = true; });
    until([&] { return gone; });
    unplug("xvdc");
    store.write(home + "/data/linstub/disks", "");
    const auto former = std::exchange(was_made, false);
    EXPECT_TRUE(former);
    program.ends(0, "6\n");
    host->create(broker::Which::first, [this](const auto &made) { was_made = made.has_value(); });
    until([this] { return was_made; });
    program.ends(0);
    program.forget_calls();
  }
  void await_question() {
    until([this] { return stub.was_asked("blockdev-change-medium"); });
  }
  void await_answer(size_t number = 1) {
    until([&] { return answers.texts.size() == number; });
  }
  void await_end() {
    until([this] { return !media.busy() && !hasty.busy(); });
  }

  fake::ImageLocks &locks = fake::image_locks();
  fake::Directory directory;
  const std::string new_medium = directory.put("new.iso", std::string(2048, 'n'));
  Answers answers;
  bool was_made = true;
  Media media{*loop, *host, *monitors};
  // One that waits for nobody for long.
  Media hasty{*loop, *host, *monitors, {.to_plug = Milliseconds(300), .to_take = Milliseconds(50)}};
};

TEST_F(MediaTest, TheImagesOfADrivesMediaAreLockedUntilTheStubDomainHasThemNoMore) {
  EXPECT_THAT(locks.held(), ElementsAre("/images/guest.img", "/images/old.iso"));
  program.hold();
  eject();
  await_answer();
  settle();
  EXPECT_THAT(locks.held(), ElementsAre("/images/guest.img", "/images/old.iso")) << "it is plugged";
  program.let_go();
  await_end();
  EXPECT_THAT(locks.held(), ElementsAre("/images/guest.img"));
}

TEST_F(MediaTest, TheImageOfADiskThatDoesNotGoIsLockedUntilTheStubDomainHasGone) {
  program.ends(1, {}, "linstub-stubdom: error: it is in use\n");
  eject();
  await_answer();
  await_end();
  EXPECT_THAT(locks.held(), ElementsAre("/images/guest.img", "/images/old.iso"));
  bool told = false;
  host->remove([&](const auto &) { told = true; });
  until([&] { return told; });
  EXPECT_THAT(locks.held(), ElementsAre("/images/guest.img", "/images/old.iso")) << "nor does it";
  program.ends(0);
  host->remove([&](const auto &removed) { told = !removed; });
  until([&] { return !told; });
  EXPECT_THAT(locks.held(), ElementsAre("/images/guest.img"));
}

TEST_F(MediaTest, AMediumThatIsEjectedLeavesTheStubDomainAndThePlan) {
  program.hold();
  eject();
  await_answer();
  EXPECT_THAT(answers.texts, ElementsAre("{}"));
  EXPECT_THAT(stub.asked, ElementsAre(R"(eject {"id":"ide-5632"})"));
  EXPECT_EQ(medium(), "none");
  EXPECT_EQ(path_of("xvdb"), "");
  EXPECT_TRUE(media.busy());
  program.let_go();
  await_end();
  EXPECT_THAT(program.calls(), ElementsAre("detach 6 xvdb"));
}

TEST_F(MediaTest, AMediumThatQemuDoesNotLetGoOfStays) {
  stub.refuse("eject", "the tray is locked");
  eject();
  await_answer();
  EXPECT_THAT(answers.texts, ElementsAre("error: the tray is locked"));
  EXPECT_EQ(medium(), "xvdb");
  EXPECT_FALSE(media.busy());
  EXPECT_THAT(program.calls(), IsEmpty());
}

TEST_F(MediaTest, WhetherADriveHasAMediumIsForQemuToSay) {
  eject(R"({"id":"ide-768"})");
  await_answer();
  eject(R"({"device":"ide-5632"})");
  await_answer(2);
  eject();
  await_answer(3);
  EXPECT_THAT(answers.texts, ElementsAre("{}", "{}", "{}"));
  await_end();
  EXPECT_THAT(program.calls(), ElementsAre("detach 6 xvdb")) << "only one was there, once";
}

TEST_F(MediaTest, NobodyIsLeftWithoutAnAnswerWhenQemuCannotBeAsked) {
  monitors->disconnect();
  eject();
  EXPECT_THAT(answers.texts, ElementsAre(HasSubstr("not ready")));
  change();
  has_disks("xvda xvdb xvdc");
  await_answer(2);
  EXPECT_THAT(answers.texts[1], HasSubstr("not ready"));
}

TEST_F(MediaTest, ANewMediumIsPluggedGivenToQemuAndThenInThePlan) {
  change();
  EXPECT_THAT(answers.texts, IsEmpty());
  EXPECT_TRUE(media.busy());
  ASSERT_TRUE(is_plugged("xvdc"));
  EXPECT_EQ(opened("xvdc"), std::filesystem::canonical(new_medium));
  EXPECT_EQ(store.read(toolstack_node("xvdc") + "/mode"), "r");
  EXPECT_EQ(medium(), "xvdb") << "until QEMU has the new one";

  has_disks("xvda xvdb xvdcc");
  settle();
  EXPECT_THAT(stub.asked, IsEmpty()) << "that is another disk";
  has_disks("xvda xvdb xvdc");
  await_answer();
  EXPECT_THAT(
      stub.asked,
      ElementsAre(AllOf(StartsWith("blockdev-change-medium "), HasSubstr(R"("id":"ide-5632")"),
                        HasSubstr(R"("filename":"/dev/xvdc")"), HasSubstr(R"("format":"raw")"))));
  EXPECT_THAT(answers.texts, ElementsAre("{}"));
  EXPECT_EQ(medium(), "xvdc");
  EXPECT_EQ(content_of_medium("xvdc"), std::string(2048, 'n'));
  EXPECT_EQ(path_of("xvdb"), "");
  await_end();
  EXPECT_THAT(program.calls(), ElementsAre("detach 6 xvdb"));
}

TEST_F(MediaTest, QemuIsAskedOnceHoweverOftenTheStubDomainSpeaks) {
  stub.leave("blockdev-change-medium");
  change();
  for (int i = 0; i < 3; i++)
    has_disks("xvdc");
  await_question();
  settle();
  has_disks("xvdc");
  settle();
  EXPECT_EQ(stub.asked.size(), 1U);
}

TEST_F(MediaTest, AMediumThatQemuRefusesIsUnpluggedAgain) {
  stub.refuse("blockdev-change-medium", "it is locked");
  change();
  has_disks("xvda xvdb xvdc");
  await_answer();
  EXPECT_THAT(answers.texts,
              ElementsAre("error: insert a medium into CD-ROM drive ide-5632: it is locked"));
  EXPECT_EQ(medium(), "xvdb");
  await_end();
  EXPECT_THAT(program.calls(), ElementsAre("detach 6 xvdc"));
}

TEST_F(MediaTest, AStubDomainThatTalksWithoutEndGetsNoMedium) {
  change();
  has_disks(std::string(wire::longest_disks + 1, ' '));
  await_answer();
  EXPECT_THAT(answers.texts, ElementsAre(StartsWith("error: insert ")));
  await_end();
  EXPECT_THAT(program.calls(), ElementsAre("detach 6 xvdc"));
}

TEST_F(MediaTest, OneMediumAtATime) {
  change();
  change();
  EXPECT_THAT(answers.texts, ElementsAre("error: another medium is being inserted"));
  EXPECT_TRUE(media.busy());
  has_disks("xvdc");
  await_answer(2);
  EXPECT_EQ(answers.texts[1], "{}");
}

TEST_F(MediaTest, WhatCannotBeAMediumIsRefusedBeforeAnythingIsPlugged) {
  change(R"({"id":"ide-768"})");
  change(R"({"id":"ide-5632","format":"vmdk"})");
  change(R"({"id":"ide-5632","format":"qcow2"})");
  media.change(drive, base::open_file("/dev/null", O_RDONLY).value(), answers.taker());
  ASSERT_EQ(answers.texts.size(), 4U);
  EXPECT_THAT(answers.texts[1], HasSubstr("vmdk"));
  EXPECT_THAT(answers.texts[2], AllOf(HasSubstr("new.iso"), HasSubstr("not a qcow2 image")));
  EXPECT_THAT(answers.texts[3], HasSubstr("/dev/null"));
  for (const std::string &text : answers.texts)
    EXPECT_THAT(text, StartsWith("error: "));
  EXPECT_FALSE(media.busy());
  EXPECT_FALSE(is_plugged("xvdc"));
  EXPECT_THAT(fake::loops(), IsEmpty());
}

TEST_F(MediaTest, ADiskThatDoesNotGoKeepsItsName) {
  program.ends(1, {}, "linstub-stubdom: error: it is in use\n");
  eject();
  await_answer();
  await_end();
  EXPECT_EQ(plan::free_disk_name(plan, {}).value(), "xvdb");
  change();
  EXPECT_FALSE(is_plugged("xvdb"));
  EXPECT_TRUE(is_plugged("xvdc"));
}

TEST_F(MediaTest, AbandoningAnswersWhoWaitsAndUnplugsNothing) {
  change();
  media.abandon();
  EXPECT_THAT(answers.texts, ElementsAre(HasSubstr("the stub domain is going")));
  EXPECT_FALSE(media.busy());
  EXPECT_EQ(medium(), "xvdb");
  media.abandon();
  has_disks("xvdc");
  settle();
  EXPECT_EQ(answers.texts.size(), 1U);
  EXPECT_THAT(stub.asked, IsEmpty());
  EXPECT_THAT(program.calls(), IsEmpty()) << "the disk goes with the stub domain";
}

TEST_F(MediaTest, AReplyThatComesAfterAbandoningFindsNobody) {
  stub.leave("blockdev-change-medium");
  change();
  has_disks("xvdc");
  await_question();
  media.abandon();
  monitors->disconnect();
  settle();
  EXPECT_EQ(answers.texts.size(), 1U);
  EXPECT_EQ(medium(), "xvdb");
}

// Where the path leads to another file by the time that the disk is plugged, or that the next stub
// domain is made.
TEST_F(MediaTest, TheMediumIsTheFileThatWasPassedWhateverHasItsNameNow) {
  const std::string secret = directory.put("secret", std::string(2048, 's'));
  base::Fd passed = base::open_file(new_medium, O_RDONLY).value();
  std::filesystem::remove(new_medium);
  std::filesystem::create_symlink(secret, new_medium);
  media.change(drive, passed, answers.taker());
  passed.reset(); // as remove-fd does
  ASSERT_TRUE(is_plugged("xvdc"));
  ASSERT_EQ(fake::loops().size(), 1U);
  EXPECT_THAT(fake::loops()[0].file, StartsWith(new_medium)) << "and \" (deleted)\"";
  has_disks("xvdc");
  await_answer();
  EXPECT_THAT(answers.texts, ElementsAre("{}"));
  EXPECT_EQ(content_of_medium("xvdc"), std::string(2048, 'n')) << "for the next stub domain";
  media.abandon();
  EXPECT_EQ(content_of_medium("xvdc"), std::string(2048, 'n')) << "also when this one has gone";
}

TEST_F(MediaTest, TheFileIsHeldOpenOnlyAsLongAsItIsTheMedium) {
  change();
  has_disks("xvdc");
  await_answer();
  EXPECT_TRUE(is_held(new_medium));
  eject();
  await_answer(2);
  EXPECT_FALSE(is_held(new_medium));
  await_end();
}

TEST_F(MediaTest, WhoAsksHasAnAnswerAlsoIfTheStubDomainNeverGetsTheDisk) {
  change_in(hasty);
  await_answer();
  EXPECT_THAT(answers.texts, ElementsAre(HasSubstr("the stub domain has not got it")));
  await_end();
  EXPECT_THAT(program.calls(), ElementsAre("detach 6 xvdc"));
}

TEST_F(MediaTest, WhoAsksHasAnAnswerAlsoIfQemuNeverGivesOne) {
  stub.leave("blockdev-change-medium");
  change_in(hasty);
  has_disks_in(hasty, "xvdc");
  await_answer();
  EXPECT_THAT(answers.texts, ElementsAre(HasSubstr("QEMU has not answered")));
  EXPECT_FALSE(hasty.busy()) << "an upgrade is possible";
  EXPECT_TRUE(is_plugged("xvdc")) << "QEMU may have it open";
  EXPECT_EQ(medium(), "xvdb");
  change_in(hasty);
  ASSERT_EQ(answers.texts.size(), 2U);
  EXPECT_THAT(answers.texts[1], HasSubstr("QEMU has not yet answered"));
  EXPECT_FALSE(is_plugged("xvdd")) << "no further disk for a QEMU that is silent";
  hasty.abandon();
  replace_stub_domain();
  change_in(hasty);
  EXPECT_TRUE(is_plugged("xvdc")) << "the next stub domain is not to blame";
}

TEST_F(MediaTest, AMediumThatQemuTakesLateIsInThePlanAndNobodyIsToldTwice) {
  stub.leave("blockdev-change-medium");
  change_in(hasty);
  has_disks_in(hasty, "xvdc");
  await_answer();
  stub.finish("blockdev-change-medium");
  until([this] { return medium() == "xvdc"; });
  EXPECT_EQ(content_of_medium("xvdc"), std::string(2048, 'n'));
  until([this] { return !hasty.busy(); });
  EXPECT_THAT(program.calls(), ElementsAre("detach 6 xvdb"));
  EXPECT_EQ(answers.texts.size(), 1U);
}

TEST_F(MediaTest, AMediumThatQemuRefusesLateIsUnplugged) {
  stub.leave("blockdev-change-medium");
  change_in(hasty);
  has_disks_in(hasty, "xvdc");
  await_answer();
  stub.finish_with_error("blockdev-change-medium", "too late");
  until([this] { return hasty.busy(); });
  until([this] { return !hasty.busy(); });
  EXPECT_THAT(program.calls(), ElementsAre("detach 6 xvdc"));
  EXPECT_EQ(medium(), "xvdb");
  EXPECT_EQ(answers.texts.size(), 1U);
}

// The conversation with the former QEMU ends with an error for each question that is open.
TEST_F(MediaTest, AnAnswerToAFormerQuestionIsNotTakenForOneToTheNext) {
  stub.leave("blockdev-change-medium");
  change();
  has_disks("xvdc");
  await_question();
  media.abandon();
  replace_stub_domain();
  change();
  monitors->disconnect();
  settle();
  EXPECT_TRUE(media.busy());
  EXPECT_EQ(answers.texts.size(), 1U);
}

} // namespace
} // namespace linstub::dm
