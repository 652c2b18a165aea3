// SPDX-License-Identifier: MIT
// What only Linstub has to show of passed-through PCI devices: whose they are, what the stub domain
// may do to them, and that they come back whole from it.
#include "pci_scenario.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Pci : public PciScenario {};

TEST_F(Pci, AStubDomainHasPermissionForItsDeviceAndForNoOther) {
  assignable({first_nic});
  EXPECT_EQ(dom0("linstub pci"), "No stub domain has a PCI device.");
  EXPECT_EQ(dom0("linstub pci --json"), "[]");
  GuestRun guest = start(told(with({first_nic}), "iomem=relaxed"));
  brings_up(guest, "e1000e");
  EXPECT_THAT(dom0("linstub pci"),
              AllOf(HasSubstr(first_nic), HasSubstr("8086:10d3"), HasSubstr("t-pci"),
                    HasSubstr("MSI-X"), Not(HasSubstr("warning"))));
  EXPECT_EQ(
      dom0("linstub pci --json | python3 -c 'import json, sys; one = json.load(sys.stdin)[0]; "
           "print(one[\"device\"], one[\"guest\"], one[\"interrupt\"])'"),
      std::string(first_nic) + " t-pci MSI-X");
  std::string stub = dom0("xl domid t-pci-dm");
  std::string domid = dom0("xl domid t-pci");
  EXPECT_THAT(permissions(stub), HasSubstr(permissions_for(first_nic)));
  EXPECT_EQ(dom0("cat /sys/bus/pci/drivers/pciback/permissive"), "");
  // libxl has made a directory of xen-pciback for the guest, which has come to nothing.
  EXPECT_EQ(dom0(base::format("xenstore-read /local/domain/0/backend/pci/{}/0/num_devs", domid)),
            "1");
  EXPECT_THAT(dom0("cat /sys/bus/pci/drivers/pciback/allow_interrupt_control"),
              HasSubstr(first_nic));
  dom0("xl destroy t-pci");
  EXPECT_THAT(left_within(seconds(60)), IsEmpty());
  for (const char *directory : {"backend", "error/backend"}) {
    for (const std::string &former : {stub, domid})
      EXPECT_EQ(dom0(base::format("xenstore-exists /local/domain/0/{}/pci/{} && echo there || true",
                                  directory, former)),
                "");
  }
  expect_no_permissions(stub);
  expect_whole(first_nic);
}

// xen-pciback filters what goes to configuration space: the PCI Express device control register
// (82574L: at 0xe8) is not the guest's to change.
TEST_F(Pci, AWriteThatXenPcibackRefusesHasNoEffect) {
  ONLY_WHEN_THOROUGH();
  // It says so once, from then on it is silent.
  dom0(base::format("! xl pci-assignable-list | grep -q {} || xl pci-assignable-remove {}; "
                    "xl pci-assignable-add {}; dmesg -C",
                    first_nic, first_nic, first_nic));
  GuestRun guest = start(with({first_nic}));
  std::string before = config_word(first_nic, 0xe8);
  for (const char *bytes : {R"(\377\377)", R"(\017\050)", R"(\000\000)"}) {
    auto written =
        guest.ask(base::format("sh f=$(echo /sys/bus/pci/drivers/e1000e/0*/config); printf '{}' | "
                               "dd of=$f bs=2 seek=116 conv=notrunc 2>/dev/null && echo + written",
                               bytes),
                  ask_limit);
    EXPECT_EQ(written.value_or(why(written)), "+ written");
    EXPECT_EQ(config_word(first_nic, 0xe8), before);
  }
  EXPECT_THAT(dom0("dmesg"), HasSubstr("read-only configuration space field at offset 0xe8"));
  brings_up(guest, "e1000e");
}

TEST_F(Pci, EnableBitsThatAFormerOwnerHasLeftAreCleared) {
  ONLY_WHEN_THOROUGH();
  assignable({first_nic});
  dom0(base::format(R"(python3 -c '
name = "/sys/bus/pci/devices/{}/config"
config = open(name, "rb").read()
at = config[0x34]
while at and config[at] != 0x11:
    at = config[at + 1]
with open(name, "r+b", buffering=0) as out:
    out.seek(at + 2)
    out.write(bytes([config[at + 2], config[at + 3] | 0x80]))
')",
                    first_nic));
  GuestRun guest = start(with({first_nic}));
  EXPECT_THAT(
      dom0("cat /var/log/xen/qemu-dm-t-pci.log"),
      HasSubstr(base::format("{}: clear an interrupt enable bit that was left set", first_nic)));
  brings_up(guest, "e1000e");
  set_up_peer();
  interrupts_while(guest, "eth", "PCI-MSIX", 0, [&] { carries_data(guest, peer_address, 1); });
}

TEST_F(Pci, TwoThenFourDevicesAtOnceComeThroughReboots) {
  ONLY_WHEN_THOROUGH();
  set_up_peer();
  std::vector<std::string> devices{first_nic, realtek};
  assignable(devices);
  {
    GuestRun guest = start(with(devices));
    brings_up(guest, "8139cp");
    carries_data(guest, peer_address, 1);
    EXPECT_TRUE(comes(guest, "e1000e"));
    dom0("xl destroy t-pci");
    EXPECT_THAT(left_within(seconds(60)), IsEmpty());
  }
  devices = {first_nic, second_nic, realtek, nvme};
  assignable(devices);
  GuestRun guest = start(with(devices));
  for (int i = 0;; i++) {
    SCOPED_TRACE("boot " + std::to_string(i));
    brings_up(guest, "8139cp");
    auto found = devices_of(guest, "e1000e");
    EXPECT_EQ(found.value_or(why(found)), "+ found 2");
    keeps_data(guest, "nvme0n1", 2);
    if (i == rounds(1, 5) || HasFailure())
      break;
    std::string stub = dom0("xl domid t-pci-dm");
    ASSERT_NO_FATAL_FAILURE(reboot(guest, seconds(120), seconds(240)));
    expect_no_permissions(stub);
  }
  dom0("xl destroy t-pci");
  for (const std::string &device : devices)
    expect_whole(device);
}

TEST_F(Pci, CreatingAndDestroyingLeavesTheDeviceWhole) {
  ONLY_WHEN_THOROUGH();
  assignable({first_nic});
  set_up_peer();
  for (int i = 0; i < rounds(2, 10) && !HasFailure(); i++) {
    SCOPED_TRACE("round " + std::to_string(i));
    GuestRun guest = start(with({first_nic}));
    brings_up(guest, "e1000e");
    carries_data(guest, peer_address, 1);
    std::string stub = dom0("xl domid t-pci-dm");
    dom0("xl destroy t-pci");
    EXPECT_THAT(left_within(seconds(60)), IsEmpty());
    expect_no_permissions(stub);
    expect_whole(first_nic);
  }
}

} // namespace
} // namespace linstub::lab
