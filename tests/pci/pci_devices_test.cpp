// SPDX-License-Identifier: MIT
#include "fake/pci_host.hpp"
#include "fake/turns.hpp"
#include "fake/xenctrl.hpp"
#include "fake/xenstore.hpp"
#include "pci/pci_devices.hpp"

#include <gmock/gmock.h>

namespace linstub::pci {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using xen::PciAddress;

constexpr PciAddress nic{.domain = 0, .bus = 0, .device = 0x10, .function = 0};
constexpr PciAddress disk{.domain = 0, .bus = 0, .device = 0x11, .function = 0};

// The guest is domain 5, its stub domain 6; the test plays xen-pciback, pcifront and linstub-init.
class PciDevicesTest : public ::testing::Test {
protected:
  PciDevicesTest() {
    xen.domains[5] = {};
    xen.domains[6] = {};
    host.add(nic);
    host.add(disk);
    store.write(usable, "");
    devices = PciDevices::open(*loop, control, xen::DomId{5}, xen::DomId{6}, host.bus()).value();
  }
  void serve() { fake::serve_ready(*loop); }
  void attach(const char *id, const PciAddress &address) {
    devices->attach(id, xen::text(address), [this](const base::Result<> &result) {
      answers.push_back(result ? "attached" : result.error().message());
    });
  }
  void states(const char *pciback, const char *pcifront) {
    store.write(backend + "/state", pciback);
    store.write(frontend + "/state", pcifront);
  }
  // QEMU lists these ids.
  void settle(const std::vector<std::string> &ids) {
    devices->settle(ids, [this](const base::Result<> &settled) {
      lists.push_back(settled ? "settled" : settled.error().message());
    });
  }
  void attach_one() {
    attach("one", nic);
    let_it_come("0", "0000:00:10.0");
    ASSERT_THAT(answers, ElementsAre("attached"));
    devices->taken("one");
  }
  // The backend closes while the device is to leave, so that it is known at once.
  void get_stuck() {
    host.hold(nic);
    devices->give_back("one");
    states("6", "4");
    serve();
  }
  // All that has to happen until a device is there, after attach().
  void let_it_come(const char *number, const std::string &list) {
    store.write(backend + "/state-" + number, "3");
    states("4", "4");
    store.write(usable, list);
    serve();
  }

  std::string backend = "/local/domain/0/backend/pci/6/0";
  std::string frontend = "/local/domain/6/device/pci/0";
  std::string usable = "/local/domain/6/data/linstub/pci";
  std::unique_ptr<base::EventLoop> loop = *base::EventLoop::create();
  fake::PciHost host;
  fake::Xenstore store;
  fake::Xen xen;
  xen::Control control = xen::Control::open().value();
  std::vector<std::string> answers;
  std::vector<std::string> lists;
  std::unique_ptr<PciDevices> devices;
};

TEST_F(PciDevicesTest, ADeviceIsAttachedWhenAllHaveIt) {
  attach("pci-pt-00_10.0", nic);
  EXPECT_EQ(store.read(backend + "/dev-0"), "0000:00:10.0");
  EXPECT_THAT(xen.calls, Contains("ports 6 0xc200 32 1"));
  EXPECT_FALSE(host.bus().has_interrupt_control(nic)); // not before xen-pciback has it
  EXPECT_THAT(answers, IsEmpty());
  store.write(backend + "/state-0", "3");
  serve();
  EXPECT_TRUE(host.bus().has_interrupt_control(nic));
  states("4", "4");
  serve();
  EXPECT_THAT(answers, IsEmpty()); // QEMU cannot use it yet
  store.write(usable, "0000:00:10.0");
  serve();
  EXPECT_THAT(answers, ElementsAre("attached"));
}

TEST_F(PciDevicesTest, ADeviceIsGivenBackAndThenNothingOfItIsLeft) {
  attach("one", nic);
  let_it_come("0", "0000:00:10.0");
  ASSERT_THAT(answers, ElementsAre("attached"));
  xen.calls.clear();
  devices->give_back("one");
  devices->give_back("one"); // as often as QEMU says DEVICE_DELETED
  settle({});
  EXPECT_EQ(store.read(backend + "/state-0"), "5");
  EXPECT_EQ(store.read(backend + "/state"), "7");
  serve();
  EXPECT_THAT(lists, IsEmpty());
  EXPECT_THAT(xen.calls, IsEmpty()); // it still has the device
  host.let_go();
  states("4", "4");
  serve();
  EXPECT_THAT(lists, ElementsAre("settled"));
  EXPECT_THAT(xen.calls, Contains("ports 6 0xc200 32 0"));
  EXPECT_EQ(store.read(backend + "/num_devs"), "0");
  attach("two", nic); // and it can be attached again
  let_it_come("0", "0000:00:10.0");
  EXPECT_THAT(answers, ElementsAre("attached", "attached"));
}

TEST_F(PciDevicesTest, AListIsPassedOnAtOnceIfNothingLeaves) {
  settle({});
  devices->give_back("nobody's");
  settle({});
  EXPECT_THAT(lists, ElementsAre("settled", "settled"));
  attach_one();
  settle({"one"});
  EXPECT_THAT(lists, ElementsAre("settled", "settled", "settled"));
  EXPECT_EQ(store.read(backend + "/state-0"), "3") << "it stays";
}

// libxl would take it for free, and QEMU need not say that it has let go.
TEST_F(PciDevicesTest, ADeviceThatQemuLeavesOutOfItsListIsGivenBackFirst) {
  attach_one();
  settle({"another"});
  EXPECT_THAT(lists, IsEmpty());
  EXPECT_EQ(store.read(backend + "/state-0"), "5");
  host.let_go();
  states("4", "4");
  serve();
  EXPECT_THAT(lists, ElementsAre("settled"));
}

TEST_F(PciDevicesTest, ADeviceThatQemuHasNotTakenYetNeedNotBeInItsList) {
  attach("one", nic);
  settle({});
  let_it_come("0", "0000:00:10.0");
  settle({});
  EXPECT_THAT(lists, ElementsAre("settled", "settled"));
  EXPECT_EQ(store.read(backend + "/state-0"), "3");
}

// Hidden at boot by xen-pciback.hide=, it is in dom0's IOMMU context when libxl asks for it.
TEST_F(PciDevicesTest, ADeviceIsQuarantinedBeforeTheStubDomainGetsAnythingOfIt) {
  xen.fail("ports", EPERM);
  attach("one", nic);
  ASSERT_EQ(answers.size(), 1U);
  ASSERT_FALSE(xen.calls.empty());
  EXPECT_EQ(xen.calls[0], "assign 32753 0x80 1");
  EXPECT_THAT(xen.calls[1], ::testing::StartsWith("memory 6"));
  EXPECT_THAT(store.list("/local/domain/0/backend"), IsEmpty()) << "nodes come after permissions";
  EXPECT_EQ(xen.pci_owners[0x80], 32753U) << "it stays there";
}

TEST_F(PciDevicesTest, ADeviceThatXenDoesNotQuarantineIsNotAttached) {
  store.write(backend + "/num_devs", "0"); // pcifront has connected while the stub domain booted
  states("4", "4");
  xen.has_iommu = false;
  attach("one", nic);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_THAT(answers[0], HasSubstr("PCI device 0000:00:10.0 cannot be quarantined"));
  EXPECT_THAT(xen.calls, ElementsAre("assign 32753 0x80 1"));
  EXPECT_EQ(store.read(backend + "/num_devs"), "0");
  EXPECT_EQ(store.read(backend + "/state"), "4");
  EXPECT_EQ(store.read(backend + "/dev-0"), std::nullopt);
  xen.has_iommu = true;
  attach("one", nic); // nothing of the first try is in the way
  EXPECT_EQ(store.read(backend + "/dev-0"), "0000:00:10.0");
}

TEST_F(PciDevicesTest, ADeviceThatIsAnothersToXenIsNotAttachedNorTakenAlong) {
  xen.pci_owners[0x80] = 9;
  attach("one", nic);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_THAT(answers[0], HasSubstr("to Xen it is another domain's already"));
  store.write("/libxl/pci/0000-00-10-0/domid", "5");
  attach("two", disk);
  EXPECT_EQ(store.read(backend + "/num_devs"), "1");
  EXPECT_EQ(store.read(backend + "/dev-0"), "0000:00:11.0");
  EXPECT_EQ(xen.pci_owners[0x80], 9U);
}

TEST_F(PciDevicesTest, ADeviceThatComesBackStaysInQuarantine) {
  attach_one();
  devices->give_back("one");
  host.let_go();
  states("4", "4");
  serve();
  EXPECT_EQ(xen.pci_owners[0x80], 32753U);
}

TEST_F(PciDevicesTest, ADeviceThatIsStuckIsNeverSaidToBeDetached) {
  attach_one();
  settle({});
  get_stuck();
  settle({});
  ASSERT_EQ(lists.size(), 2U);
  for (const std::string &list : lists)
    EXPECT_THAT(list, HasSubstr("PCI device 0000:00:10.0 is stuck in stub domain 6, which does not "
                                "give it back: replace the stub domain (linstub upgrade 5)"));
  EXPECT_THAT(xen.calls, Contains("memory 6 0xfeb60 32 0")) << "nothing more of it can be mapped";
  EXPECT_EQ(xen.pci_owners[0x80], 32753U);
}

TEST_F(PciDevicesTest, NothingIsAttachedWhileADeviceIsStuck) {
  attach_one();
  get_stuck();
  attach("two", disk);
  attach("one", nic);
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_THAT(answers[1], HasSubstr("0000:00:10.0 is stuck"));
  EXPECT_THAT(answers[2], HasSubstr("0000:00:10.0 is stuck"));
  // Nor by another guest's linstub-dm.
  auto client = xen::Xenstore::connect().value();
  EXPECT_THAT(users_of_pci(client, nic).value(), ElementsAre(xen::DomId{6}));
}

TEST_F(PciDevicesTest, WhoWaitsForADeviceThatGetsStuckIsRefused) {
  attach_one();
  host.hold(nic);
  devices->give_back("one");
  attach("two", disk);
  ASSERT_EQ(answers.size(), 1U);
  states("6", "4");
  serve();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_THAT(answers[1], HasSubstr("0000:00:10.0 is stuck"));
  EXPECT_EQ(store.read(backend + "/num_devs"), "1");
}

TEST_F(PciDevicesTest, ADeviceThatWasStuckAndHasComeBackIsFree) {
  attach_one();
  get_stuck();
  host.let_go();
  states("4", "4");
  settle({});
  EXPECT_THAT(lists, ElementsAre("settled"));
  EXPECT_EQ(store.read(backend + "/num_devs"), "0");
  attach("two", nic);
  let_it_come("0", "0000:00:10.0");
  EXPECT_THAT(answers, ElementsAre("attached", "attached"));
}

TEST_F(PciDevicesTest, AStubDomainIsReplacedOnlyIfThatLosesNoDevice) {
  EXPECT_TRUE(devices->can_be_replaced());
  attach_one();
  auto can = devices->can_be_replaced();
  ASSERT_FALSE(can);
  EXPECT_THAT(can.error().message(), HasSubstr("xl pci-detach 5 0000:00:10.0"));
  get_stuck();
  EXPECT_TRUE(devices->can_be_replaced()) << "that is how it comes back";
}

TEST_F(PciDevicesTest, WhatLibxlHasSetAsideIsTakenAlong) {
  store.write("/libxl/pci/0000-00-10-0/domid", "5");
  store.write("/libxl/pci/0000-00-11-0/domid", "5");
  attach("one", nic);
  EXPECT_EQ(store.read(backend + "/num_devs"), "2");
  store.write(backend + "/state-1", "3");
  let_it_come("0", "0000:00:10.0 0000:00:11.0");
  EXPECT_THAT(answers, ElementsAre("attached"));
  attach("two", disk);
  EXPECT_THAT(answers, ElementsAre("attached", "attached")); // it was there already
}

TEST_F(PciDevicesTest, WhatIsAskedForWronglyIsRefusedAndTouchesNothing) {
  auto refused = [&](const std::string &id, const std::string &address) {
    std::string why;
    devices->attach(id, address, [&](const base::Result<> &result) {
      why = result ? "attached" : result.error().message();
    });
    return why;
  };
  EXPECT_THAT(refused("", "0000:00:10.0"), HasSubstr("with an id of 1 to 128 bytes"));
  EXPECT_THAT(refused("x", "../../etc"), HasSubstr("not the address"));
  EXPECT_THAT(refused("x", "0000:09:00.0"), HasSubstr("no PCI device"));
  store.remove(usable);
  EXPECT_THAT(refused("x", "0000:00:10.0"), HasSubstr("image cannot serve PCI devices"));
  EXPECT_THAT(store.list("/local/domain/0/backend"), IsEmpty());
  EXPECT_THAT(xen.calls, IsEmpty());
}

TEST_F(PciDevicesTest, AnIdAndADeviceAreUsedOnce) {
  attach("one", nic);
  attach("one", disk);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_THAT(answers[0], HasSubstr("the id one is PCI device 0000:00:10.0's already"));
  attach("two", nic);
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_THAT(answers[1], HasSubstr("is attached to this guest already"));
}

TEST_F(PciDevicesTest, AFailureOfXenPcibackIsToldAndUndone) {
  attach("one", nic);
  store.write("/local/domain/0/error/backend/pci/6/0/error", "19 no such device");
  states("6", "1");
  serve();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_THAT(answers[0], HasSubstr("cannot be attached to the stub domain: 19 no such device"));
  EXPECT_THAT(xen.calls, Contains("ports 6 0xc200 32 0"));
  EXPECT_EQ(store.read("/local/domain/0/backend/pci/6"), std::nullopt);
  EXPECT_EQ(store.read(frontend), std::nullopt);
}

TEST_F(PciDevicesTest, AFailedAttachIsUndoneByADetachIfAnotherDeviceIsThere) {
  attach("one", nic);
  let_it_come("0", "0000:00:10.0");
  attach("two", disk);
  EXPECT_EQ(store.read(backend + "/state"), "7");
  states("6", "4");
  serve();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_THAT(answers[1], HasSubstr("cannot be attached"));
  EXPECT_EQ(store.read(backend + "/dev-0"), "0000:00:10.0");
  EXPECT_EQ(store.read(backend + "/state-1"), "5");
}

TEST_F(PciDevicesTest, ADeviceThatXenRefusesPermissionsForIsNotAttached) {
  xen.fail("memory", EPERM);
  attach("one", nic);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_THAT(answers[0], HasSubstr("PCI device 0000:00:10.0"));
  EXPECT_EQ(store.read("/local/domain/0/backend/pci/6"), std::nullopt);
}

TEST_F(PciDevicesTest, ADeviceThatSomebodyHasIsWaitedFor) {
  host.hold(nic);
  attach("one", nic);
  EXPECT_THAT(xen.calls, IsEmpty());
  host.let_go();
  fake::serve_until(*loop, [&] { return !xen.calls.empty(); }); // it is looked at now and then
  let_it_come("0", "0000:00:10.0");
  EXPECT_THAT(answers, ElementsAre("attached"));
}

TEST_F(PciDevicesTest, EndsWithItsWatchesAndAnswersWhoWaitsStill) {
  EXPECT_EQ(store.watches(), 3U);
  PciDevices &going = *devices;
  attach_one();
  devices->give_back("one");
  settle({});
  attach("two", disk);
  devices->attach("three", "0000:00:11.0",
                  [](const base::Result<> &result) { EXPECT_FALSE(result); });
  std::string again;
  // Who is told may ask again at once.
  host.add({.domain = 0, .bus = 0, .device = 0x12, .function = 0});
  devices->attach("four", "0000:00:12.0", [&](const base::Result<> &result) {
    EXPECT_FALSE(result);
    going.give_back("four");
    going.attach("four", "0000:00:12.0", [&](const base::Result<> &second) {
      again = second ? "attached" : second.error().message();
    });
  });
  devices.reset();
  serve();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_THAT(answers[1], HasSubstr("the stub domain has gone"));
  ASSERT_EQ(lists.size(), 1U);
  EXPECT_THAT(lists[0], HasSubstr("the stub domain has gone"));
  EXPECT_THAT(again, HasSubstr("stub domain has gone"));
}

} // namespace
} // namespace linstub::pci
