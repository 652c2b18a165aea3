// SPDX-License-Identifier: MIT
// Passed-through PCI devices: each kind of interrupt and of resource, under Linstub and under QEMU
// in dom0. The table in docs/pci.md is made of the lines that these scenarios print.
#include "pci_scenario.hpp"

namespace linstub::lab {

// For GoogleTest.
static void PrintTo(DeviceModel device_model, std::ostream *out) {
  *out << device_model_name(device_model);
}

namespace {

using ::testing::HasSubstr;

class PciUnder : public PciScenario, public ::testing::WithParamInterface<DeviceModel> {
protected:
  void SetUp() override {
    if (GetParam() == DeviceModel::dom0)
      ONLY_WHEN_THOROUGH();
    PciScenario::SetUp();
  }
  void TearDown() override {
    // docs/pci.md has its table from these lines.
    if (!row_.empty())
      std::printf("[ TABLE    ] %s | %s | %s\n", row_.c_str(), device_model_name(GetParam()),
                  HasFailure() ? "FAILED" : seen_.c_str());
    PciScenario::TearDown();
  }
  void row(std::string what, std::string seen) {
    row_ = std::move(what);
    seen_ = std::move(seen);
  }

private:
  std::string row_;
  std::string seen_;
};

TEST_P(PciUnder, NicByMsix) {
  assignable({first_nic});
  set_up_peer();
  GuestRun guest = start(told(with({first_nic}, GetParam()), "iomem=relaxed"));
  brings_up(guest, "e1000e");
  int count = interrupts_while(guest, "eth", "PCI-MSIX", 100,
                               [&] { carries_data(guest, peer_address, 8); });
  // Device memory in the guest is the device's: its MAC address.
  auto low = guest.ask("bar e1000e 0 0x5400", ask_limit);
  EXPECT_THAT(low.value_or(why(low)), HasSubstr("0x6C005452"));
  row("82574L | MSI-X | at start",
      base::format("8 MB each way, hashes equal, {} interrupts", count));
}

// Before the AHCI controller's turn: once a guest has used that one by MSI, no interrupt of the
// RTL8139 was seen in a guest of the same lab any more, under Linstub as under QEMU in dom0.
TEST_P(PciUnder, NicByIntxAndItsPorts) {
  assignable({realtek});
  set_up_peer();
  GuestRun guest = start(with({realtek}, GetParam()));
  brings_up(guest, "8139cp");
  int count =
      interrupts_while(guest, "eth", "IO-APIC", 20, [&] { carries_data(guest, peer_address, 1); });
  auto address = guest.ask("port 8139cp 0 6", ask_limit);
  EXPECT_THAT(address.value_or(why(address)), HasSubstr("5254006c6203"));
  row("RTL8139 | INTx | at start",
      base::format("1 MB each way, hashes equal, {} interrupts; its MAC address read through its "
                   "I/O ports",
                   count));
}

// An 82574L that is told to use MSI tries it with an interrupt of its own making. The lab's
// emulated one raises none then, under dom0's driver either; so this shows that the driver's way
// back works, and DiskByMsi shows MSI.
TEST_P(PciUnder, NicToldToUseMsi) {
  ONLY_WHEN_THOROUGH();
  assignable({first_nic});
  set_up_peer();
  GuestRun guest = start(told(with({first_nic}, GetParam()), "e1000e.IntMode=1"));
  brings_up(guest, "e1000e");
  auto kind = guest.ask("irqs eth", ask_limit);
  ASSERT_TRUE(kind) << why(kind);
  bool by_msi = kind->contains("PCI-MSI-");
  int count = interrupts_while(guest, "eth", by_msi ? "PCI-MSI-" : "IO-APIC", 20,
                               [&] { carries_data(guest, peer_address, 1); });
  row("82574L | told to use MSI | at start",
      base::format("1 MB each way, hashes equal, {} interrupts by {}", count,
                   by_msi ? "MSI" : "INTx: the driver's test of MSI has failed"));
}

TEST_P(PciUnder, DiskByMsi) {
  ONLY_WHEN_THOROUGH();
  assignable({sata});
  GuestConfig config = with({sata}, GetParam());
  config.disk.clear(); // the controller's is the only one
  GuestRun guest = start(config);
  int count = interrupts_while(guest, "ahci", "PCI-MSI-", 20, [&] { keeps_data(guest, "sda", 8); });
  row("AHCI | MSI | at start",
      base::format("8 MB written and read back, hashes equal, {} interrupts", count));
}

TEST_P(PciUnder, DiskByMsix) {
  ONLY_WHEN_THOROUGH();
  assignable({nvme});
  GuestRun guest = start(with({nvme}, GetParam()));
  int count =
      interrupts_while(guest, "nvme", "PCI-MSIX", 20, [&] { keeps_data(guest, "nvme0n1", 32); });
  row("NVMe | MSI-X | at start",
      base::format("32 MB written and read back, hashes equal, {} interrupts", count));
}

TEST_P(PciUnder, PluggedIntoARunningGuest) {
  assignable({first_nic});
  set_up_peer();
  GuestRun guest = start(with({}, GetParam()));
  plug_rounds(guest, GetParam() == DeviceModel::linstub ? rounds(1, 10) : 1);
  row("82574L | MSI-X | plugged", "1 MB each way, hashes equal; unplugged again");
}

INSTANTIATE_TEST_SUITE_P(All, PciUnder, ::testing::Values(DeviceModel::linstub, DeviceModel::dom0),
                         [](const auto &test) {
                           return test.param == DeviceModel::linstub ? "Linstub" : "Dom0";
                         });

} // namespace
} // namespace linstub::lab
