// SPDX-License-Identifier: MIT
#include "fake/xenctrl.hpp"
#include "pci/pci_permissions.hpp"

#include <gmock/gmock.h>

namespace linstub::pci {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PciPermissions : public ::testing::Test {
protected:
  PciPermissions() { xen.domains[6] = {}; }

  fake::Xen xen;
  xen::Control control = xen::Control::open().value();
  xen::DomId stub{6};
  HostPci device{.address = {},
                 .vendor = 0,
                 .device = 0,
                 .interrupt = 20,
                 .ranges = {{PciSpace::memory, 0xfeb60000, 0x1800}, {PciSpace::ports, 0xc200, 32}}};
};

TEST_F(PciPermissions, AreForWholePagesPortsAndTheInterrupt) {
  ASSERT_TRUE(grant_permissions(control, stub, device));
  EXPECT_THAT(xen.calls, ElementsAre("memory 6 0xfeb60 2 1", "ports 6 0xc200 32 1",
                                     "map_interrupt 6 20", "interrupt 6 20 1"));
  xen.calls.clear();
  ASSERT_TRUE(revoke_permissions(control, stub, device));
  EXPECT_THAT(xen.calls, ElementsAre("memory 6 0xfeb60 2 0", "ports 6 0xc200 32 0",
                                     "interrupt 6 20 0", "unmap_interrupt 6 20"));
}

TEST_F(PciPermissions, AreNoneForADeviceThatHasNothing) {
  HostPci nothing;
  EXPECT_TRUE(grant_permissions(control, stub, nothing));
  EXPECT_TRUE(revoke_permissions(control, stub, nothing));
  EXPECT_THAT(xen.calls, IsEmpty());
}

TEST_F(PciPermissions, AreAllRevokedWhenOneCannotBeGranted) {
  xen.fail("ports", EPERM);
  auto granted = grant_permissions(control, stub, device);
  ASSERT_FALSE(granted);
  EXPECT_THAT(granted.error().message(), HasSubstr("I/O ports 0xc200 to 0xc21f"));
  EXPECT_THAT(xen.calls,
              ElementsAre("memory 6 0xfeb60 2 1", "ports 6 0xc200 32 1", "memory 6 0xfeb60 2 0",
                          "ports 6 0xc200 32 0", "interrupt 6 20 0", "unmap_interrupt 6 20"));
}

TEST_F(PciPermissions, AreRevokedAsFarAsPossibleAndTheFirstErrorIsTold) {
  xen.fail("memory", EPERM);
  xen.fail("ports", EINVAL);
  auto revoked = revoke_permissions(control, stub, device);
  ASSERT_FALSE(revoked);
  EXPECT_THAT(revoked.error().message(), HasSubstr("pages of memory"));
  EXPECT_EQ(xen.calls.size(), 4U);
}

} // namespace
} // namespace linstub::pci
