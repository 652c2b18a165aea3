// SPDX-License-Identifier: MIT
// The media of CD-ROM drives in a plan, and the names of disks.
#include "plan/arguments.hpp"
#include "plan/drives.hpp"
#include "wire/state_record.hpp"
#include "xen/vbd.hpp"

#include <gmock/gmock.h>

#include <sstream>

namespace linstub::plan {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Field;

constexpr const char *drive = "ide-5632";

Plan plan_with(const std::string &medium) {
  std::istringstream in("-xen-domid 7 -drive file=/images/guest.img,if=ide,index=0,format=raw "
                        "-drive if=none,readonly=on,id=ide-5632" +
                        medium +
                        " -device ide-cd,id=ide-5632,drive=ide-5632,bus=ide.1,unit=0 "
                        "-kernel /images/kernel");
  std::vector<std::string> words;
  for (std::string word; in >> word;)
    words.push_back(word);
  return translate(words, Settings{}).value();
}

disk::Disk disk(const std::string &path, const std::string &vdev) {
  return {.path = path, .vdev = vdev, .mode = disk::DiskMode::read_only};
}

TEST(Media, AreInThePlanAsTheyWouldBeForANewGuest) {
  Plan plan = plan_with("");
  EXPECT_EQ(medium_of(plan, drive).value(), std::nullopt);
  ASSERT_TRUE(set_medium(plan, drive, disk("/images/a.iso", "xvdc")));
  EXPECT_EQ(medium_of(plan, drive).value(), "xvdc");
  EXPECT_THAT(disks_of(plan), Contains(disk("/images/a.iso", "xvdc")));
  EXPECT_THAT(render(plan.qemu), Contains("if=none,readonly=on,id=ide-5632,format=raw,"
                                          "file.driver=host_device,file.filename=/dev/xvdc,"
                                          "cache=writeback,aio=threads"));
}

TEST(Media, AreReplacedAndTakenOut) {
  Plan plan = plan_with(",file=/images/a.iso,format=raw");
  EXPECT_EQ(medium_of(plan, drive).value(), "xvdb");
  ASSERT_TRUE(set_medium(plan, drive, disk("/images/b.iso", "xvdd")));
  EXPECT_THAT(disks_of(plan),
              ElementsAre(Field(&disk::Disk::vdev, "xvda"), disk("/images/b.iso", "xvdd")));
  ASSERT_TRUE(set_medium(plan, drive, std::nullopt));
  EXPECT_EQ(disks_of(plan), disks_of(plan_with("")));
  EXPECT_EQ(render(plan.qemu), render(plan_with("").qemu));
}

TEST(Media, AreForCdRomDrivesOnly) {
  Plan plan = plan_with("");
  for (const char *other : {"", "ide-768", "ide-5632,x", "nic0"}) {
    EXPECT_FALSE(medium_of(plan, other)) << other;
    EXPECT_FALSE(set_medium(plan, other, std::nullopt)) << other;
  }
}

Plan plan_of(const std::string &arguments) {
  std::istringstream in("-xen-domid 7 " + arguments);
  std::vector<std::string> words;
  for (std::string word; in >> word;)
    words.push_back(word);
  return translate(words, Settings{}).value();
}

bool is_read_only(const std::string &options) {
  return translate_drive(options, 0).value().disk->mode == disk::DiskMode::read_only;
}

TEST(Drives, AreReadOnlyInEachWordThatQemuKnows) {
  for (const char *key : {"readonly", "read-only"}) {
    for (const char *word : {"on", "yes", "true", "y"}) {
      const std::string options = base::format("file=/d,format=raw,{}={}", key, word);
      EXPECT_TRUE(is_read_only(options)) << options;
      EXPECT_EQ(translate_drive(options, 0)->options.text(), "format=raw,readonly=on") << options;
    }
    for (const char *word : {"off", "no", "false", "n"})
      EXPECT_FALSE(is_read_only(base::format("file=/d,format=raw,{}={}", key, word))) << word;
  }
  EXPECT_FALSE(is_read_only("file=/d,format=raw"));
}

TEST(Drives, AreRefusedWhenItIsNotClearWhetherTheyAreReadOnly) {
  for (const char *options :
       {"readonly=1", "readonly=ON", "readonly=", "readonly", "read-only=maybe",
        "readonly=on,readonly=off", "read-only=off,readonly=on"}) {
    auto translated = translate_drive(base::format("file=/d,format=raw,{}", options), 0);
    ASSERT_FALSE(translated) << options;
    EXPECT_THAT(translated.error().message(), testing::HasSubstr("read")) << options;
  }
  EXPECT_FALSE(translate_drive("readonly,file=/d", 0));
}

TEST(Drives, OfCdsAreReadOnlyWhateverIsSaidOfThem) {
  EXPECT_TRUE(is_read_only("file=/d,if=ide,index=2,media=cdrom,format=raw"));
  EXPECT_TRUE(is_read_only("file=/d,if=ide,index=2,readonly=off,media=cdrom,format=raw"));
  const std::string drive_option = "-drive if=none,id=cd,file=/a.iso,format=raw,readonly=off";
  for (const std::string device :
       {"ide-cd,drive=cd", "scsi-cd,id=x,drive=cd", "driver=ide-cd,drive=cd"}) {
    for (const std::string &line : {base::format("{} -device {}", drive_option, device),
                                    base::format("-device {} {}", device, drive_option)}) {
      const Plan plan = plan_of(line);
      EXPECT_EQ(disks_of(plan).at(0).mode, disk::DiskMode::read_only) << line;
      EXPECT_THAT(render(plan.qemu), Contains(testing::HasSubstr("readonly=on"))) << line;
    }
  }
  const Plan disk = plan_of(drive_option + " -device ide-hd,drive=cd -device ide-cd,drive=other");
  EXPECT_EQ(disks_of(disk).at(0).mode, disk::DiskMode::read_write);
}

TEST(DiskNames, AreFreeIfNobodyHasThem) {
  const Plan plan = plan_with("");
  // The disk has xvda, the kernel's file xvdb.
  EXPECT_EQ(free_disk_name(plan, {}).value(), "xvdc");
  EXPECT_EQ(free_disk_name(plan, {"xvdc", "xvde"}).value(), "xvdd");
  std::set<std::string> all;
  for (size_t i = 0; i < xen::most_disks; i++)
    all.insert(xen::disk_name(i).value());
  EXPECT_FALSE(all.contains(wire::state_disk));
  EXPECT_FALSE(free_disk_name(plan, all));
}

} // namespace
} // namespace linstub::plan
