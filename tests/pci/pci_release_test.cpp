// SPDX-License-Identifier: MIT
#include "fake/pci_host.hpp"
#include "fake/xenctrl.hpp"
#include "fake/xenstore.hpp"
#include "pci/pci_backend.hpp"
#include "pci/pci_list.hpp"
#include "pci/pci_release.hpp"

#include <gmock/gmock.h>

#include <array>

namespace linstub::pci {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using xen::PciAddress;

constexpr PciAddress nic{.domain = 0, .bus = 0, .device = 0x10, .function = 0};

class PciRelease : public ::testing::Test {
protected:
  PciRelease() {
    xen.domains[6] = {};
    host.add(nic);
  }

  fake::PciHost host;
  fake::Xenstore store;
  fake::Xen xen;
  xen::Control control = xen::Control::open().value();
  xen::Xenstore client = xen::Xenstore::connect().value();
  PciBackend backend{client, xen::DomId{6}};
};

TEST_F(PciRelease, StopsTheDomainAndTakesItsDevicesAway) {
  ASSERT_TRUE(backend.add(std::array{nic}));
  release_pci(control, client, xen::DomId{6}, host.bus());
  EXPECT_THAT(xen.calls, ElementsAre("pause 6"));
  EXPECT_EQ(store.read("/local/domain/0/backend/pci/6"), std::nullopt);
}

TEST_F(PciRelease, LeavesADomainWithoutDevicesAlone) {
  ASSERT_TRUE(backend.open());
  release_pci(control, client, xen::DomId{6}, host.bus());
  EXPECT_THAT(xen.calls, IsEmpty());
}

TEST_F(PciRelease, ForgetsWhatDeadDomainsHaveLeft) {
  ASSERT_TRUE(backend.open()); // alive
  ASSERT_TRUE(PciBackend(client, xen::DomId{8}).open());
  ASSERT_TRUE(PciBackend(client, xen::DomId{9}).add(std::array{nic})); // it has a device still
  forget_dead_pci(control, client);
  EXPECT_THAT(store.list("/local/domain/0/backend/pci"), ElementsAre("6", "9"));
}

TEST_F(PciRelease, ListsTheDevicesOfStubDomainsOfOurs) {
  ASSERT_TRUE(backend.add(std::array{nic}));
  ASSERT_TRUE(PciBackend(client, xen::DomId{9}).open()); // somebody else's
  store.write("/local/domain/6/linstub/guest", "5");
  store.write("/local/domain/5/name", "guest");
  host.hold(nic);
  auto all = assigned_pci(client, host.bus()).value();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].host.address, nic);
  EXPECT_EQ(all[0].guest, xen::DomId{5});
  EXPECT_EQ(all[0].guest_name, "guest");
  EXPECT_EQ(all[0].stub, xen::DomId{6});
  EXPECT_EQ(all[0].interrupt, PciInterrupt::none);
  EXPECT_TRUE(all[0].interrupt_control);
}

} // namespace
} // namespace linstub::pci
