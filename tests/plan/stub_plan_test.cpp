// SPDX-License-Identifier: MIT
// What a stub domain is told to be, from a plan.
#include "plan/arguments.hpp"
#include "plan/stub_plan.hpp"
#include "wire/state_record.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace linstub::plan {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::Field;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

Plan plan(const std::string &line, const Settings &settings = {}) {
  std::istringstream in("-xen-domid 7 -name g " + line);
  std::vector<std::string> words;
  for (std::string word; in >> word;)
    words.push_back(word);
  return translate(words, settings).value();
}

class StubPlan : public testing::Test {
protected:
  ~StubPlan() override { std::filesystem::remove(path_); }

  // A file of dom0 of that size, as the disk that it is copied from.
  disk::CopiedFile file(size_t size) {
    std::ofstream(path_, std::ios::binary) << std::string(size, 'k');
    return disk::CopiedFile::prepare(path_, xen::DomId{7}, "xvdb").value();
  }

  manifest::Image image_{.directory = "/image",
                         .kernel_file = base::open_file("/dev/null", O_RDONLY).value(),
                         .ramdisk_file = base::open_file("/dev/zero", O_RDONLY).value(),
                         .init_file = base::open_file("/dev/full", O_RDONLY).value(),
                         .system_file = base::open_file("/dev/urandom", O_RDONLY).value(),
                         .identity = {}};
  // As each has it, behind the guest's disks.
  const disk::Disk system_{
      .path = image_.system(), .vdev = wire::system_disk, .mode = disk::DiskMode::read_only};
  std::string path_ =
      std::filesystem::temp_directory_path() / ("linstub-stub-plan-" + std::to_string(::getpid()));
};

TEST_F(StubPlan, IsNamedAfterTheGuestAndBootsWhatWasChecked) {
  Description description = describe(plan(""), image_, {}, {});
  EXPECT_EQ(description.guest, xen::DomId{7});
  EXPECT_EQ(description.name, "g-dm");
  EXPECT_EQ(std::filesystem::read_symlink(description.kernel), "/dev/null");
  EXPECT_EQ(std::filesystem::read_symlink(description.ramdisk), "/dev/full");
  ASSERT_THAT(description.disks, ElementsAre(system_));
  EXPECT_EQ(std::filesystem::read_symlink(description.disks[0].path), "/dev/urandom");
  EXPECT_EQ(description.role, Role::first);
  EXPECT_TRUE(description.files.empty());
}

TEST_F(StubPlan, HasAllInItsMemoryIfTheSettingsSaySo) {
  image_.identity.ramdisk_unpacked = (7 << 20) + 1;
  const Description description =
      describe(plan("", Settings{.system = System::ramdisk}), image_, {}, {});
  EXPECT_EQ(std::filesystem::read_symlink(description.ramdisk), "/dev/zero");
  EXPECT_TRUE(description.disks.empty());
  EXPECT_EQ(description.memory, Settings().memory + 8);
}

TEST_F(StubPlan, FollowsTheSettings) {
  Settings settings{.memory = 80, .kernel_options = "mitigations=off"};
  Description usual = describe(plan("", settings), image_, {}, {});
  EXPECT_EQ(usual.memory, 80);
  EXPECT_EQ(usual.log_level, "info");
  EXPECT_THAT(usual.command_line, EndsWith(" quiet mitigations=off"));
  // What the kernel is built for: what it gives back it clears first.
  EXPECT_THAT(usual.command_line, Not(HasSubstr("xen_scrub_pages")));
  EXPECT_EQ(usual.limits, xen::DomainLimits{});
  settings.limits.cpu_weight = 64;
  EXPECT_EQ(describe(plan("", settings), image_, {}, {}).limits.cpu_weight, 64U);
  settings.log_level = base::LogLevel::debug;
  Description talkative = describe(plan("", settings), image_, {}, {});
  EXPECT_EQ(talkative.log_level, "debug");
  EXPECT_THAT(talkative.command_line, Not(HasSubstr("quiet")));
}

TEST_F(StubPlan, LooksForRequestsByItselfWhereThereIsACpuToSpare) {
  auto line = [&](const std::string &spin, uint32_t cpus) {
    Plan guest = plan("", Settings{.spin = spin});
    guest.physical_cpus = cpus;
    return describe(guest, image_, {}, {}).command_line;
  };
  EXPECT_EQ(Settings().spin, "auto");
  EXPECT_THAT(line("auto", 2), HasSubstr(" linstub.spin=auto"));
  EXPECT_THAT(line("auto", 1), Not(HasSubstr("spin")));
  EXPECT_THAT(line("off", 8), Not(HasSubstr("spin")));
  EXPECT_THAT(line("200", 1), HasSubstr(" linstub.spin=200"));
}

TEST_F(StubPlan, IsPvhWhereThatIsWantedAndCanBe) {
  Plan guest = plan("");
  const Description pv = describe(guest, image_, {}, {});
  EXPECT_EQ(pv.type, xen::DomainType::pv);
  guest.settings.type = xen::DomainType::pvh;
  const Description pvh = describe(guest, image_, {}, {});
  EXPECT_EQ(pvh.type, xen::DomainType::pvh);
  EXPECT_GT(pvh.memory, pv.memory); // for what it maps
  guest.may_have_pci = true;
  const Description with_pci = describe(guest, image_, {}, {});
  EXPECT_EQ(with_pci.type, xen::DomainType::pv);
  EXPECT_EQ(with_pci.memory, pv.memory);
}

TEST(TypeOfAStubDomain, IsRefusedWhereXenCannotRunIt) {
  const Settings pvh{.type = xen::DomainType::pvh};
  for (const char *xen : {"4.19", "4.20", "5.0"}) {
    EXPECT_TRUE(check_type({}, xen)) << xen;
    EXPECT_TRUE(check_type(pvh, xen)) << xen;
  }
  for (const char *xen : {"4.18", "4.17", "3.20", "4", "4.", "", "."}) {
    EXPECT_TRUE(check_type({}, xen)) << xen;
    auto checked = check_type(pvh, xen);
    ASSERT_FALSE(checked) << xen;
    EXPECT_THAT(checked.error().message(), HasSubstr("type=pv"));
  }
}

TEST_F(StubPlan, HasTheGuestsDisksAndNics) {
  Plan guest = plan("-drive file=/a.img,if=ide,format=raw -drive if=none,id=ide-5632 "
                    "-device e1000,netdev=net0,mac=00:16:3e:01:02:03 "
                    "-netdev type=tap,id=net0,ifname=vif7.0-emu,br=xenbr0");
  Description description = describe(guest, image_, {}, {});
  EXPECT_THAT(description.disks,
              ElementsAre(disk::Disk{.path = "/a.img", .vdev = "xvda"}, system_));
  EXPECT_EQ(description.nics, guest.nics);
  EXPECT_EQ(description.arguments, render(guest.qemu));
}

TEST_F(StubPlan, HasRoomForManyDisksAndNics) {
  std::string drives;
  for (int i = 0; i < 27; i++)
    drives += base::format("-drive file=/{}.img,if=none,id=d{},format=raw ", i, i);
  std::string nics;
  for (int i = 0; i < 8; i++)
    nics += base::format("-device rtl8139,netdev=net{},mac=00:16:3e:01:02:03 "
                         "-netdev type=tap,id=net{},ifname=vif7.{}-emu,br=xenbr0 ",
                         i, i, i);
  const uint32_t usual = describe(plan(""), image_, {}, {}).memory;
  EXPECT_EQ(describe(plan(drives), image_, {}, {}).memory, usual + 23);
  EXPECT_EQ(describe(plan(nics), image_, {}, {}).memory, usual + 18);
}

TEST_F(StubPlan, KnowsTheLargestScreenThatSomebodyCanLookAt) {
  auto describe_for = [this](const std::string &line) {
    return describe(plan(line), image_, {}, {});
  };
  EXPECT_EQ(describe_for("").screen, 0U);
  const Description usual = describe_for("-vnc 127.0.0.1:0 -device VGA,vgamem_mb=16");
  EXPECT_EQ(usual.screen, 16U);
  const Description large = describe_for("-vnc 127.0.0.1:0 -device VGA,vgamem_mb=512");
  EXPECT_EQ(large.screen, 43U) << "that QEMU shows";
  EXPECT_EQ(large.memory, usual.memory) << "is taken when there is a viewer";
  EXPECT_EQ(describe_for("-vnc none -device VGA,vgamem_mb=32").screen, 0U) << "nobody looks";
}

TEST_F(StubPlan, HasRoomForATpm) {
  const uint32_t usual = describe(plan(""), image_, {}, {}).memory;
  Settings with_tpm;
  with_tpm.tpm = "/var/lib/linstub/g.tpm";
  EXPECT_EQ(describe(plan("", with_tpm), image_, {}, {}).memory, usual + 6);
}

TEST_F(StubPlan, HasTheDisksOfPvDriversAndRoomForServingThem) {
  Plan guest = plan("-drive file=/a.img,if=ide,format=raw");
  guest.pv_disks = {{.path = "/b.img", .vdev = "xvdb", .format = disk::DiskFormat::qcow2}};
  guest.pv_served = 2;
  Description description = describe(guest, image_, {}, {});
  EXPECT_EQ(description.memory, guest.settings.memory + 8);
  EXPECT_THAT(description.disks,
              ElementsAre(Field(&disk::Disk::vdev, "xvda"), guest.pv_disks[0], system_));
}

TEST_F(StubPlan, HasADiskAndRoomTwiceForACopiedFile) {
  Plan guest = plan("-drive file=/a.img,if=ide,format=raw -kernel /boot/vmlinuz");
  std::vector<disk::CopiedFile> files;
  files.push_back(file((3 << 20) + 1)); // 4 MiB, and not whole sectors
  Description description = describe(guest, image_, files, {});
  EXPECT_EQ(description.memory, guest.settings.memory + 8);
  ASSERT_EQ(description.files.size(), 1);
  EXPECT_EQ(description.files[0].device, "xvdb");
  EXPECT_EQ(description.files[0].size, (3 << 20) + 1);
  EXPECT_EQ(description.files[0].path, "/run/files/kernel");
  EXPECT_THAT(description.disks, ElementsAre(Field(&disk::Disk::vdev, "xvda"), system_,
                                             disk::Disk{.path = files[0].path(),
                                                        .vdev = "xvdb",
                                                        .mode = disk::DiskMode::read_only}));
}

TEST_F(StubPlan, RestoresFromAStateDiskAndKeepsAPausedStart) {
  Plan guest = plan("-S -incoming fd:9 -device VGA,vgamem_mb=32");
  Description description = describe(guest, image_, {}, {.state = "/run/linstub/7-state-x"});
  EXPECT_THAT(description.disks,
              ElementsAre(system_, disk::Disk{.path = "/run/linstub/7-state-x",
                                              .vdev = wire::state_disk,
                                              .mode = disk::DiskMode::read_only}));
  EXPECT_EQ(description.memory, guest.settings.memory + 32);
  EXPECT_THAT(description.arguments, IsSupersetOf({"-S", "-incoming", wire::incoming_argument}));
}

TEST_F(StubPlan, WaitsToBeToldForAGuestThatRunsAlready) {
  Description description = describe(plan(""), image_, {}, {.state = "/state", .role = Role::next});
  EXPECT_EQ(description.role, Role::next);
  EXPECT_EQ(description.memory, Settings{}.memory + 16) << "nothing is said of video memory";
  EXPECT_THAT(description.arguments, IsSupersetOf({"-S", "-incoming", wire::awaited_argument}));
}

TEST_F(StubPlan, StartsANewGuestWithoutAState) {
  Description description = describe(plan("-S"), image_, {}, {});
  EXPECT_THAT(description.arguments, Contains("-S"));
  EXPECT_THAT(description.arguments, Not(Contains("-incoming")));
}

TEST_F(StubPlan, ASpareSuitsAGuestOfTheHostsSettings) {
  const Settings settings{.spares = 1};
  const Description spare = describe_spare(settings, image_, 1);
  EXPECT_EQ(spare.disks, std::vector{system_});
  EXPECT_TRUE(spare.arguments.empty());
  const Description usual = describe(plan("", settings), image_, {}, {});
  EXPECT_TRUE(usual.may_be_spare);
  EXPECT_TRUE(suits(spare, usual));
  Plan with_qcow2 = plan("", settings);
  with_qcow2.pv_served = 1;
  EXPECT_TRUE(suits(spare, describe(with_qcow2, image_, {}, {})));
  Plan with_pci = plan("", settings);
  with_pci.may_have_pci = true;
  EXPECT_FALSE(suits(spare, describe(with_pci, image_, {}, {})));
  EXPECT_FALSE(suits(spare, describe(plan("", {.memory = 64}), image_, {}, {})));
  EXPECT_FALSE(suits(spare, describe(plan("", {.system = System::ramdisk}), image_, {}, {})));
  EXPECT_FALSE(describe(plan(""), image_, {}, {}).may_be_spare);
}

TEST_F(StubPlan, ASpareOfAnotherImageDoesNotSuit) {
  const Description spare = describe_spare({}, image_, 1);
  image_.identity.kernel.sha256 = "another";
  EXPECT_FALSE(suits(spare, describe(plan(""), image_, {}, {})));
}

} // namespace
} // namespace linstub::plan
