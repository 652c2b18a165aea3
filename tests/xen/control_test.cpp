// SPDX-License-Identifier: MIT
#include "fake/xenctrl.hpp"
#include "xen/control.hpp"

#include <gmock/gmock.h>

namespace linstub::xen {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr unsigned suspend = 2;
constexpr unsigned crash = 3;

class ControlTest : public ::testing::Test {
protected:
  base::Deadline soon = base::Deadline::after(base::Milliseconds(5000));
  fake::Xen xen;
  Control control = Control::open().value();
  DomId guest{5};
};

TEST_F(ControlTest, KnowsWhatADomainIsLike) {
  xen.domains[5] = {.pauses = 1, .dying = false, .shutdown = crash, .pages = 1000};
  auto info = control.info(guest).value();
  ASSERT_TRUE(info);
  EXPECT_EQ(info->domid, guest);
  EXPECT_TRUE(info->paused);
  EXPECT_FALSE(info->dying);
  EXPECT_EQ(info->shutdown, crash);
  EXPECT_EQ(info->memory, 4096000U);
  xen.domains[5] = {.dying = true};
  info = control.info(guest).value();
  EXPECT_TRUE(info->dying);
  EXPECT_FALSE(info->paused);
  EXPECT_EQ(info->shutdown, std::nullopt);
  EXPECT_EQ(control.info(DomId{6}).value(), std::nullopt);
  xen.fail("info", EPERM);
  EXPECT_EQ(control.info(guest).error().message(),
            "get information about domain 5: Operation not permitted");
}

TEST_F(ControlTest, KnowsAllDomainsByTheirUuids) {
  for (uint32_t domid = 0; domid < 150; domid++) // more than it asks for at a time
    xen.domains[2 * domid].uuid = {static_cast<uint8_t>(domid)};
  auto all = control.domains().value();
  ASSERT_EQ(all.size(), 150U);
  EXPECT_EQ(all.back().domid, DomId{298});
  EXPECT_EQ(all.back().uuid, Uuid{149});
  EXPECT_EQ(control.info(DomId{298}).value()->uuid, Uuid{149});
}

TEST_F(ControlTest, DestroysADomainAndOneThatHasGoneIsNoError) {
  xen.domains[5] = {};
  xen.fail("destroy", EPERM);
  EXPECT_EQ(control.destroy(guest).error().message(), "destroy domain 5: Operation not permitted");
  EXPECT_TRUE(control.destroy(guest));
  EXPECT_TRUE(xen.domains.empty());
  EXPECT_TRUE(control.destroy(guest));
}

TEST_F(ControlTest, CrashesOnlyADomainThatRuns) {
  xen.domains[5] = {};
  EXPECT_TRUE(control.crash(guest).value());
  EXPECT_THAT(xen.calls, ElementsAre("shutdown 5 3"));
  EXPECT_FALSE(control.crash(guest).value()) << "it has shut down";
  xen.domains[5] = {.dying = true};
  EXPECT_FALSE(control.crash(guest).value());
  xen.domains.clear();
  EXPECT_FALSE(control.crash(guest).value());
  EXPECT_EQ(xen.calls.size(), 1U);
}

// Its device model does not answer, so its own suspend, or a reboot, is never complete.
TEST_F(ControlTest, CrashesADomainWhoseShutdownWaitsForItsDeviceModel) {
  xen.domains[5] = {.shutdown = suspend, .looks_until_suspended = 1'000'000'000};
  EXPECT_TRUE(control.crash(guest).value());
  EXPECT_THAT(xen.calls, ElementsAre("shutdown 5 3", "resume 5", "shutdown 5 3"));
  EXPECT_EQ(control.info(guest).value()->shutdown, crash);
}

TEST_F(ControlTest, RebootsOnlyADomainThatRuns) {
  xen.domains[5] = {};
  ASSERT_TRUE(control.reboot(guest));
  EXPECT_THAT(xen.calls, ElementsAre("shutdown 5 1"));
  ASSERT_TRUE(control.reboot(guest)); // has shut down
  xen.domains.clear();
  ASSERT_TRUE(control.reboot(guest));
  EXPECT_EQ(xen.calls.size(), 1U);
  xen.domains[5] = {};
  xen.fail("shutdown", EPERM);
  EXPECT_EQ(control.reboot(guest).error().message(), "reboot domain 5: Operation not permitted");
}

TEST_F(ControlTest, PausingADomainThatHasGoneIsNoError) {
  EXPECT_TRUE(control.pause(guest));
  xen.domains[5] = {};
  xen.fail("pause", EPERM);
  EXPECT_FALSE(control.pause(guest));
  EXPECT_TRUE(control.pause(guest));
  EXPECT_EQ(xen.domains[5].pauses, 1U);
  EXPECT_TRUE(control.unpause(guest));
  EXPECT_EQ(xen.domains[5].pauses, 0U);
}

TEST_F(ControlTest, PausesBetweenRequestsByASuspendThatNobodySees) {
  xen.domains[5] = {.looks_until_suspended = 3};
  ASSERT_TRUE(control.pause_between_requests(guest, soon));
  EXPECT_THAT(xen.calls, ElementsAre("shutdown 5 2", "pause 5", "resume 5"));
  EXPECT_EQ(xen.domains[5].pauses, 1U);
  EXPECT_EQ(xen.domains[5].shutdown, std::nullopt);
}

TEST_F(ControlTest, LetsADomainRunOnThatWaitsForItsDeviceModelAllTheTime) {
  xen.domains[5] = {.looks_until_suspended = 1'000'000'000};
  auto paused = control.pause_between_requests(guest, base::Deadline::after(base::Milliseconds(5)));
  ASSERT_FALSE(paused);
  EXPECT_EQ(paused.error().code(), ETIMEDOUT);
  EXPECT_THAT(xen.calls, ElementsAre("shutdown 5 2", "resume 5"));
  EXPECT_EQ(xen.domains[5].pauses, 0U);
}

TEST_F(ControlTest, DoesNotResumeADomainThatHasGoneMeanwhile) {
  xen.domains[5] = {.dying = true};
  EXPECT_EQ(control.pause_between_requests(guest, soon).error().message(), "domain 5 has gone");
  EXPECT_THAT(xen.calls, ElementsAre("shutdown 5 2"));
}

// Whoever has suspended it resumes it, and tells its kernel.
TEST_F(ControlTest, DoesNotHoldADomainThatHasShutDownOrIsAboutTo) {
  for (const uint8_t reason : {0, 2}) {
    xen.domains[5] = {.shutdown = reason};
    EXPECT_EQ(control.pause_between_requests(guest, soon).error().message(),
              "domain 5 has been suspended, or has shut down");
    xen.domains[5] = {.shutdown = reason, .looks_until_suspended = 1'000'000'000};
    EXPECT_FALSE(control.pause_between_requests(guest, soon)) << "its device model holds it up";
    EXPECT_THAT(xen.calls, testing::IsEmpty());
    EXPECT_EQ(xen.domains[5].shutdown, reason);
  }
}

TEST_F(ControlTest, ResumesADomainThatItCouldNotPause) {
  xen.domains[5] = {};
  xen.fail("pause", EPERM);
  auto paused = control.pause_between_requests(guest, soon);
  ASSERT_FALSE(paused);
  EXPECT_THAT(paused.error().message(), HasSubstr("pause domain 5"));
  EXPECT_EQ(xen.domains[5].shutdown, std::nullopt);
}

TEST_F(ControlTest, MapsAnInterruptBeforeItIsAllowedAndUnmapsItAfterwards) {
  xen.domains[5] = {};
  ASSERT_TRUE(control.interrupt(guest, 16, PermissionChange::grant));
  ASSERT_TRUE(control.interrupt(guest, 16, PermissionChange::revoke));
  EXPECT_THAT(xen.calls, ElementsAre("map_interrupt 5 16", "interrupt 5 16 1", "interrupt 5 16 0",
                                     "unmap_interrupt 5 16"));
  xen.fail("unmap_interrupt", EINVAL);
  EXPECT_TRUE(control.interrupt(guest, 16, PermissionChange::revoke)); // it was not mapped any more
  xen.fail("map_interrupt", EINVAL);
  EXPECT_EQ(control.interrupt(guest, 16, PermissionChange::grant).error().message(),
            "map interrupt 16 to domain 5: Invalid argument");
}

TEST_F(ControlTest, SaysWhichPermissionCouldNotBeChanged) {
  xen.domains[5] = {};
  ASSERT_TRUE(control.ports(guest, 0xc200, 32, PermissionChange::grant));
  ASSERT_TRUE(control.memory(guest, 0xfeb60, 32, PermissionChange::revoke));
  EXPECT_THAT(xen.calls, ElementsAre("ports 5 0xc200 32 1", "memory 5 0xfeb60 32 0"));
  xen.fail("ports", EPERM);
  EXPECT_THAT(control.ports(guest, 0xc200, 32, PermissionChange::grant).error().message(),
              HasSubstr("I/O ports 0xc200 to 0xc21f: Operation not permitted"));
  xen.fail("memory", EPERM);
  EXPECT_THAT(control.memory(guest, 0xfeb60, 32, PermissionChange::revoke).error().message(),
              HasSubstr("32 pages of memory from page 0xfeb60: Operation not permitted"));
}

TEST_F(ControlTest, KnowsWhetherADomainCanHavePciDevices) {
  xen.domains[5] = {};
  EXPECT_TRUE(control.can_have_pci(guest));
  xen.has_iommu = false;
  EXPECT_FALSE(control.can_have_pci(guest));
}

TEST_F(ControlTest, QuarantinesAPciDeviceOfDom0) {
  const PciAddress device{.domain = 1, .bus = 2, .device = 3, .function = 4};
  constexpr uint32_t sbdf = 0x1021c;
  constexpr uint32_t quarantine = 0x7ff1; // DOMID_IO
  ASSERT_TRUE(control.quarantine(device));
  EXPECT_EQ(xen.pci_owners[sbdf], quarantine);
  ASSERT_TRUE(control.quarantine(device)); // it may be there already
  EXPECT_THAT(xen.calls, ElementsAre("assign 32753 0x1021c 1", "assign 32753 0x1021c 1"));
  xen.pci_owners[sbdf] = 5;
  auto busy = control.quarantine(device);
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code(), EBUSY);
  EXPECT_THAT(busy.error().message(),
              HasSubstr("PCI device 0001:02:03.4 cannot be quarantined: to Xen it is another"));
  EXPECT_EQ(xen.pci_owners[sbdf], 5U);
}

TEST_F(ControlTest, SaysWhyXenDoesNotQuarantineAPciDevice) {
  xen.has_iommu = false;
  EXPECT_THAT(control.quarantine({}).error().message(), HasSubstr("no IOMMU on this host"));
  xen.has_iommu = true;
  xen.fail("assign", ENODEV);
  EXPECT_THAT(control.quarantine({}).error().message(), HasSubstr("no such device"));
  xen.fail("assign", EPERM);
  EXPECT_THAT(control.quarantine({}).error().message(), HasSubstr("Operation not permitted"));
  EXPECT_TRUE(xen.pci_owners.empty());
}

TEST_F(ControlTest, MakesADomainAnothersDeviceModelAndKnowsXensRelease) {
  xen.domains[6] = {};
  ASSERT_TRUE(control.set_target(DomId{6}, guest));
  EXPECT_THAT(xen.calls, ElementsAre("set_target 6 5"));
  EXPECT_EQ(control.release(), "4.20");
  EXPECT_EQ(control.cpus(), 4U);
}

TEST(ShutdownText, NamesTheReason) {
  EXPECT_EQ(shutdown_text(0), "poweroff");
  EXPECT_EQ(shutdown_text(suspend), "suspend");
  EXPECT_EQ(shutdown_text(crash), "crash");
  EXPECT_EQ(shutdown_text(99), "reason 99");
}

} // namespace
} // namespace linstub::xen
