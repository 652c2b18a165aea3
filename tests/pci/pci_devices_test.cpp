// SPDX-License-Identifier: MIT
#include "fake/pci_host.hpp"
#include "fake/xenctrl.hpp"
#include "fake/xenstore.hpp"
#include "pci/pci_devices.hpp"

#include <gmock/gmock.h>

namespace linstub::pci {
namespace {

using base::Milliseconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
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
  void serve(int milliseconds = 5) {
    ASSERT_TRUE(loop->run_until(base::Deadline::after(Milliseconds(milliseconds))));
  }
  void attach(const char *id, const PciAddress &address) {
    devices->attach(base::format(R"({{"driver":"xen-pci-passthrough","id":"{}","hostaddr":"{}"}})",
                                 id, xen::text(address)),
                    [this](const base::Result<> &result) {
                      answers.push_back(result ? "attached" : result.error().message());
                    });
  }
  void states(const char *pciback, const char *pcifront) {
    store.write(backend + "/state", pciback);
    store.write(frontend + "/state", pcifront);
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
  bool gone = false;
  devices->give_back("one");
  devices->when_none_leaving([&] { gone = true; });
  EXPECT_EQ(store.read(backend + "/state-0"), "5");
  EXPECT_EQ(store.read(backend + "/state"), "7");
  serve();
  EXPECT_FALSE(gone);
  EXPECT_THAT(xen.calls, IsEmpty()); // it still has the device
  host.let_go();
  states("4", "4");
  serve();
  EXPECT_TRUE(gone);
  EXPECT_THAT(xen.calls, Contains("ports 6 0xc200 32 0"));
  EXPECT_EQ(store.read(backend + "/num_devs"), "0");
  attach("two", nic); // and it can be attached again
  let_it_come("0", "0000:00:10.0");
  EXPECT_THAT(answers, ElementsAre("attached", "attached"));
}

TEST_F(PciDevicesTest, WhoAsksForNothingToLeaveIsCalledAtOnceIfNothingDoes) {
  int calls = 0;
  devices->when_none_leaving([&] { calls++; });
  EXPECT_EQ(calls, 1);
  devices->give_back("nobody's");
  devices->when_none_leaving([&] { calls++; });
  EXPECT_EQ(calls, 2);
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
  auto refused = [&](const std::string &arguments) {
    std::string why;
    devices->attach(arguments, [&](const base::Result<> &result) {
      why = result ? "attached" : result.error().message();
    });
    return why;
  };
  EXPECT_THAT(refused("{}"), HasSubstr("with an id and a hostaddr"));
  EXPECT_THAT(refused(R"({"id":"x","hostaddr":"../../etc"})"), HasSubstr("not the address"));
  EXPECT_THAT(refused(R"({"id":"x","hostaddr":"0000:09:00.0"})"), HasSubstr("no PCI device"));
  store.remove(usable);
  EXPECT_THAT(refused(R"({"id":"x","hostaddr":"0000:00:10.0"})"),
              HasSubstr("image cannot serve PCI devices"));
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
  serve(250); // it is looked at from time to time
  EXPECT_THAT(xen.calls, Not(IsEmpty()));
  let_it_come("0", "0000:00:10.0");
  EXPECT_THAT(answers, ElementsAre("attached"));
}

TEST_F(PciDevicesTest, EndsWithItsWatches) {
  EXPECT_EQ(store.watches(), 3U);
  attach("one", nic);
  devices.reset();
  serve();
  EXPECT_THAT(answers, IsEmpty());
}

} // namespace
} // namespace linstub::pci
