// SPDX-License-Identifier: MIT
// What can go wrong with passed-through PCI devices: said clearly, and nothing left behind.
#include "pci_scenario.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto xl_limit = seconds(90);

class PciErrors : public PciScenario {
protected:
  // Everything that libxl and linstub-dm say of `xl pci-attach` of the first NIC, which fails.
  std::string attach_fails() {
    return fails(base::format("xl pci-attach t-pci {}", first_nic), xl_limit) +
           dom0("tail -n 20 /var/log/xen/qemu-dm-t-pci.log");
  }

  // After a failure, the same works, and comes back.
  void attach_works() {
    dom0(base::format("xl pci-attach t-pci {}", first_nic));
    dom0(base::format("xl pci-detach t-pci {}", first_nic));
    expect_whole(first_nic);
  }
};

TEST_F(PciErrors, SaysEarlyWhatCannotBe) {
  ONLY_WHEN_THOROUGH();
  struct Case {
    const char *device;
    const char *says;
  };
  // The first is not there, which is how libxl says that; the second is the host's own, which
  // nobody has made assignable.
  for (const auto &[device, says] : {Case{"0000:00:1e.0", "already assigned to a different guest?"},
                                     Case{"0000:00:1f.0", "not assignable"}}) {
    auto failed = GuestRun::create(host(), with({device}), seconds(90));
    ASSERT_FALSE(failed);
    EXPECT_THAT(why(failed), HasSubstr(says));
    EXPECT_THAT(left_within(seconds(30)), IsEmpty());
  }
  assignable({first_nic});
  GuestRun guest = start(with({first_nic}));
  GuestConfig other = with({first_nic});
  other.name = "t-other";
  auto failed = GuestRun::create(host(), other, seconds(90));
  ASSERT_FALSE(failed);
  EXPECT_THAT(why(failed), HasSubstr("already"));
  brings_up(guest, "e1000e");
}

// One guest, one after the other: it and its stub domain live through all of them.
TEST_F(PciErrors, AttachThatFailsIsUndoneAndCanBeTriedAgain) {
  ONLY_WHEN_THOROUGH();
  assignable({first_nic});
  GuestRun guest = start(with({}));
  std::string stub = dom0("xl domid t-pci-dm");
  expect_no_permissions(stub);

  {
    SCOPED_TRACE("an image that cannot serve PCI devices");
    std::string node = base::format("/local/domain/{}/data/linstub/pci", stub);
    dom0(base::format("xenstore-rm {}", node));
    EXPECT_THAT(attach_fails(), HasSubstr("image cannot serve PCI devices"));
    expect_no_permissions(stub);
    expect_whole(first_nic);
    dom0(base::format("xenstore-write {} ''", node));
  }
  {
    SCOPED_TRACE("a stub domain that does not run, as on a host that is too slow");
    dom0("xl pause t-pci-dm");
    EXPECT_THAT(attach_fails(), HasSubstr("was not ready in the stub domain"));
    dom0("xl unpause t-pci-dm");
    attach_works();
  }
  {
    // Before pcifront looks for the device: from then on each of its questions would take 2 s.
    SCOPED_TRACE("a pcifront that ends");
    dom0("xl pause t-pci-dm");
    as_soon_as(
        base::format("[ \"$(xenstore-read /local/domain/0/backend/pci/{}/0/state)\" = 7 ]", stub),
        base::format("xenstore-write /local/domain/{}/device/pci/0/state 6", stub));
    EXPECT_THAT(attach_fails(), HasSubstr("has closed the PCI frontend"));
    dom0("xl unpause t-pci-dm");
    expect_no_permissions(stub);
    expect_whole(first_nic);
    attach_works();
  }

  auto alive = guest.ask("hello", ask_limit);
  EXPECT_TRUE(alive) << why(alive);
}

// The stub domain has the device before libxl assigns it to the guest. Here it does not run, so
// that libxl gives up and does not come to that.
TEST_F(PciErrors, ADeviceThatWasHiddenAtBootIsOutOfDom0sReachBeforeTheStubDomainHasIt) {
  ONLY_WHEN_THOROUGH();
  const auto quarantined = ::testing::StartsWith("DomIO");
  hide(first_nic);
  EXPECT_EQ(owner(first_nic), "d0");
  GuestRun guest = start(with({}));
  const std::string stub = dom0("xl domid t-pci-dm");
  const std::string domid = dom0("xl domid t-pci");
  dom0("xl pause t-pci-dm");
  EXPECT_THAT(attach_fails(), HasSubstr("was not ready in the stub domain"));
  EXPECT_EQ(dom0(base::format("xenstore-read /local/domain/0/backend/pci/{}/0/dev-0", stub)),
            first_nic);
  EXPECT_THAT(owner(first_nic), quarantined);
  dom0("xl unpause t-pci-dm");
  dom0(base::format("xl pci-attach t-pci {}", first_nic));
  EXPECT_EQ(owner(first_nic), "d" + domid);
  dom0(base::format("xl pci-detach t-pci {}", first_nic));
  EXPECT_THAT(owner(first_nic), quarantined);
  expect_whole(first_nic);
  dom0("xl destroy t-pci");
  EXPECT_THAT(left_within(seconds(60)), IsEmpty());
  EXPECT_THAT(owner(first_nic), quarantined);
}

TEST_F(PciErrors, AnUpgradeThatWouldLoseADeviceIsRefused) {
  ONLY_WHEN_THOROUGH();
  assignable({first_nic});
  set_up_peer();
  GuestRun guest = start(with({first_nic}));
  brings_up(guest, "e1000e");
  EXPECT_THAT(fails("linstub upgrade t-pci", xl_limit),
              HasSubstr(base::format("the guest has PCI device {}", first_nic)));
  carries_data(guest, peer_address, 1);
  dom0(base::format("xl pci-detach t-pci {}", first_nic));
  succeeds("linstub upgrade t-pci", seconds(180));
  dom0(base::format("xl pci-attach t-pci {}", first_nic));
  EXPECT_TRUE(comes(guest, "e1000e"));
  dom0(base::format("xl pci-detach t-pci {}", first_nic));
  expect_whole(first_nic);
}

TEST_F(PciErrors, AGuestThatKeepsTheDeviceKeepsIt) {
  ONLY_WHEN_THOROUGH();
  assignable({first_nic});
  set_up_peer();
  GuestRun guest = start(told(with({first_nic}), "acpiphp.disable=1"));
  brings_up(guest, "e1000e");
  std::string said = fails(base::format("xl pci-detach t-pci {}", first_nic), xl_limit);
  EXPECT_THAT(said, HasSubstr("imed out"));
  carries_data(guest, peer_address, 1);
  EXPECT_THAT(dom0("linstub pci"), HasSubstr(first_nic));
  std::string stub = dom0("xl domid t-pci-dm");
  dom0("xl destroy t-pci");
  EXPECT_THAT(left_within(seconds(60)), IsEmpty());
  expect_no_permissions(stub);
  expect_whole(first_nic);
}

// On the warm lab, which has no IOMMU.
TEST_F(Scenario, PassthroughWithoutAnIommuIsRefused) {
  GuestConfig config{.name = "t-pci", .direct_boot = true};
  config.extra.push_back("pci = [ \"0000:00:02.0\" ]");
  auto failed = GuestRun::create(host(), config, seconds(90));
  ASSERT_FALSE(failed);
  EXPECT_THAT(why(failed), HasSubstr("passthrough"));
  EXPECT_THAT(left_within(seconds(30)), IsEmpty());
}

} // namespace
} // namespace linstub::lab
