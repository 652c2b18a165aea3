// SPDX-License-Identifier: MIT
#include "fake/xenstore.hpp"
#include "pci/pci_backend.hpp"

#include <gmock/gmock.h>

#include <array>

namespace linstub::pci {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using xen::PciAddress;
using xen::XenbusState;

constexpr PciAddress nic{.domain = 0, .bus = 0, .device = 0x10, .function = 0};
constexpr PciAddress disk{.domain = 0, .bus = 3, .device = 1, .function = 2};
constexpr PciAddress sound{.domain = 0, .bus = 4, .device = 0, .function = 0};

class PciBackendTest : public ::testing::Test {
protected:
  std::string at(const std::string &node) {
    return store.read("/local/domain/0/backend/pci/6/0/" + node).value_or("(none)");
  }
  void add(std::vector<PciAddress> addresses) { ASSERT_TRUE(backend.add(addresses)); }

  fake::Xenstore store;
  xen::Xenstore client = xen::Xenstore::connect().value();
  PciBackend backend{client, xen::DomId{6}};
  std::string frontend = "/local/domain/6/device/pci/0";
};

TEST_F(PciBackendTest, IsNotThereAtFirst) {
  EXPECT_THAT(backend.devices().value(), IsEmpty());
  PciStates states = backend.states().value();
  EXPECT_EQ(states.backend, XenbusState::unknown);
  EXPECT_EQ(states.frontend, XenbusState::unknown);
  EXPECT_FALSE(backend.has_taken(nic).value());
  EXPECT_TRUE(backend.remove(nic));
  EXPECT_TRUE(backend.forget(nic));
  EXPECT_TRUE(backend.remove_all());
}

TEST_F(PciBackendTest, OpensAnEmptyBusThatEachEndMayWriteToItsHalfOf) {
  ASSERT_TRUE(backend.open());
  EXPECT_EQ(at("num_devs"), "0");
  EXPECT_EQ(at("state"), "1");
  EXPECT_EQ(at("frontend"), frontend);
  EXPECT_EQ(at("frontend-id"), "6");
  EXPECT_EQ(store.read(frontend + "/backend"), backend.path());
  EXPECT_EQ(store.read(frontend + "/backend-id"), "0");
  EXPECT_EQ(store.read(frontend + "/state"), "1");
  EXPECT_EQ(store.permissions(backend.path() + "/state"), "n0 r6");
  EXPECT_EQ(store.permissions(frontend + "/state"), "n6 r0");
}

TEST_F(PciBackendTest, TheFirstDevicesComeWithTheDirectories) {
  add({nic, disk});
  EXPECT_EQ(at("num_devs"), "2");
  EXPECT_EQ(at("dev-0"), "0000:00:10.0");
  EXPECT_EQ(at("key-1"), "0000:03:01.2");
  EXPECT_EQ(at("state-1"), "1");
  EXPECT_THAT(at("opts-0"), HasSubstr("permissive=0"));
  EXPECT_EQ(at("state"), "1"); // not Reconfiguring: both ends begin
  EXPECT_THAT(backend.devices().value(), ElementsAre(nic, disk));
}

TEST_F(PciBackendTest, LaterOnesReconfigureWhatIsThere) {
  ASSERT_TRUE(backend.open());
  store.write(backend.path() + "/state", "4");
  store.write(frontend + "/state", "4");
  add({nic});
  EXPECT_EQ(at("num_devs"), "1");
  PciStates states = backend.states().value();
  EXPECT_EQ(states.backend, XenbusState::reconfiguring);
  EXPECT_EQ(states.frontend, XenbusState::connected); // nobody has touched it
}

TEST_F(PciBackendTest, HasRoomForSoManyDevices) {
  std::vector<PciAddress> all;
  all.reserve(32);
  for (uint8_t i = 0; i < 32; i++)
    all.push_back({.domain = 0, .bus = 1, .device = i, .function = 0});
  add(all);
  auto more = backend.add(std::array{nic});
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().message(), "a stub domain has room for 32 PCI devices");
  EXPECT_EQ(at("num_devs"), "32");
  EXPECT_EQ(at("dev-32"), "(none)");
}

TEST_F(PciBackendTest, XenPcibackHasTakenADeviceWhenItIsInitialised) {
  add({nic, disk});
  store.write(backend.path() + "/state-1", "3");
  EXPECT_FALSE(backend.has_taken(nic).value());
  EXPECT_TRUE(backend.has_taken(disk).value());
}

TEST_F(PciBackendTest, WhatTheStubDomainSaysOfItsStateIsOneOrUnknown) {
  add({nic});
  for (const std::string &said :
       {std::string("9"), std::string("-1"), std::string("04"), std::string("connected"),
        std::string(), std::string(17, '4'), std::string(4096, 'x')}) {
    store.write(frontend + "/state", said);
    EXPECT_EQ(backend.states()->frontend, XenbusState::unknown) << said;
  }
  store.write(frontend + "/state", "8");
  EXPECT_EQ(backend.states()->frontend, XenbusState::reconfigured);
}

TEST_F(PciBackendTest, MarksADeviceAsLeavingAndForgetsItLater) {
  add({nic, disk, sound});
  ASSERT_TRUE(backend.remove(disk));
  EXPECT_EQ(at("state-1"), "5");
  EXPECT_EQ(at("state"), "7");
  EXPECT_THAT(backend.devices().value(), ElementsAre(nic, disk, sound));
  store.write(backend.path() + "/vdev-2", "0000:00:02.0");
  ASSERT_TRUE(backend.forget(disk));
  EXPECT_THAT(backend.devices().value(), ElementsAre(nic, sound));
  EXPECT_EQ(at("num_devs"), "2");
  EXPECT_EQ(at("vdev-1"), "0000:00:02.0"); // the one behind it has moved up
  EXPECT_EQ(at("state-1"), "1");
  EXPECT_EQ(at("dev-2"), "(none)");
  EXPECT_EQ(at("vdev-2"), "(none)");
}

TEST_F(PciBackendTest, ChangesAllOrNothing) {
  add({nic});
  store.fail(fake::Request::write, backend.path() + "/num_devs", ENOSPC);
  EXPECT_FALSE(backend.add(std::array{disk}));
  EXPECT_THAT(backend.devices().value(), ElementsAre(nic));
  EXPECT_EQ(at("dev-1"), "(none)");
  store.before_end_of_transaction([&] { store.write("/elsewhere", "x"); });
  ASSERT_TRUE(backend.add(std::array{disk})); // somebody else was faster: once more
  EXPECT_THAT(backend.devices().value(), ElementsAre(nic, disk));
}

TEST_F(PciBackendTest, RemovesTheWhole) {
  add({nic});
  store.write("/local/domain/0/error/backend/pci/6/0/error", "2 \x1b[31mnot today");
  EXPECT_EQ(backend.failure(), "2 ?[31mnot today");
  ASSERT_TRUE(backend.remove_all());
  EXPECT_EQ(store.read("/local/domain/0/backend/pci/6"), std::nullopt);
  EXPECT_EQ(store.read(frontend), std::nullopt);
  EXPECT_EQ(backend.failure(), "");
}

TEST_F(PciBackendTest, KnowsWhoHasADevice) {
  EXPECT_THAT(users_of_pci(client, nic).value(), IsEmpty());
  add({nic});
  PciBackend other(client, xen::DomId{9});
  ASSERT_TRUE(other.add(std::array{nic, disk}));
  store.write("/local/domain/0/backend/pci/no-domid", "");
  EXPECT_THAT(domains_with_pci(client).value(), UnorderedElementsAre(xen::DomId{6}, xen::DomId{9}));
  EXPECT_THAT(users_of_pci(client, nic).value(),
              UnorderedElementsAre(xen::DomId{6}, xen::DomId{9}));
  EXPECT_THAT(users_of_pci(client, disk).value(), ElementsAre(xen::DomId{9}));
}

TEST_F(PciBackendTest, KnowsWhatLibxlHasSetAsideForAGuest) {
  EXPECT_THAT(pci_of_guest(client, xen::DomId{5}).value(), IsEmpty());
  store.write("/libxl/pci/0000-00-10-0/domid", "5");
  store.write("/libxl/pci/0000-03-01-2/domid", "7");
  store.write("/libxl/pci/0000-04-00-0/other", "5");
  store.write("/libxl/pci/strange/domid", "5");
  store.write("/libxl/pci/0000-zz-00-0/domid", "5");
  EXPECT_THAT(pci_of_guest(client, xen::DomId{5}).value(), ElementsAre(nic));
}

} // namespace
} // namespace linstub::pci
