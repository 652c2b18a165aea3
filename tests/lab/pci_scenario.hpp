// SPDX-License-Identifier: MIT
// PciScenario: the fixture of the scenarios of passed-through PCI devices, on the lab with an
// emulated IOMMU and spare devices (shape iommu).
//
// 0000:00:10.0 and 11.0 are Intel 82574L NICs (MSI-X, MSI or INTx; memory and port BARs), 12.0 is a
// Realtek 8139 (INTx), 13.0 an NVMe disk (MSI-X), 14.0 an AHCI controller with a disk (MSI). The
// NICs share a network of their own: the one that dom0 keeps is the other end of what a guest
// sends.
#pragma once

#include "scenario.hpp"

#include <functional>
#include <string>
#include <vector>

namespace linstub::lab {

constexpr std::chrono::seconds ask_limit{120};

constexpr const char *peer_address = "10.99.0.1"; // dom0's, on 11.0
constexpr const char *guest_address = "10.99.0.2";

constexpr const char *first_nic = "0000:00:10.0";
constexpr const char *second_nic = "0000:00:11.0";
constexpr const char *realtek = "0000:00:12.0";
constexpr const char *nvme = "0000:00:13.0";
constexpr const char *sata = "0000:00:14.0";

class PciScenario : public Scenario {
protected:
  void SetUp() override;

  // Makes the devices ready to be given to a guest.
  void assignable(const std::vector<std::string> &devices);

  // Leaves the device as xen-pciback.hide= of dom0's kernel leaves it at boot: with xen-pciback,
  // but in dom0's IOMMU context.
  void hide(const std::string &device);

  // Whose the device is to Xen: "d0", "d5", or "DomIO:..." in quarantine.
  std::string owner(const std::string &device);

  // A guest with these devices at its start, or one that they can be plugged into.
  static GuestConfig with(const std::vector<std::string> &devices,
                          DeviceModel device_model = DeviceModel::linstub);

  // A guest whose kernel gets further options: e1000e.IntMode=0 is INTx (1 MSI, 2 MSI-X);
  // iomem=relaxed lets a program look at the memory of a device that has a driver;
  // acpiphp.disable=1 takes no notice of devices that come and go.
  static GuestConfig told(GuestConfig config, const std::string &options);

  // dom0's end of the NICs' network: the 82574L that it keeps.
  void set_up_peer();

  // The guest's interrupts by that name: how many, and that they are of the kind.
  int interrupts(GuestRun &guest, const std::string &name, const std::string &kind);

  // How many more there are after the work: more than `least`.
  int interrupts_while(GuestRun &guest, const std::string &name, const std::string &kind, int least,
                       const std::function<void()> &work);

  // The guest's disk DEV takes so many MiB and gives them back, hashes equal.
  void keeps_data(GuestRun &guest, const std::string &dev, int mebibytes);

  // The guest's NIC with that driver gets its address and a link.
  void brings_up(GuestRun &guest, const std::string &driver);

  // How many devices a driver of the guest has: "+ found 2".
  static base::Result<std::string> devices_of(GuestRun &guest, const std::string &driver);

  // A driver of the guest gets a device.
  bool comes(GuestRun &guest, const std::string &driver);

  // What Xen itself says a domain has permission for.
  std::string permissions(const std::string &domid);

  // What that should say of memory and ports for a domain that has this one device.
  std::string permissions_for(const std::string &device);

  // A word of a device's configuration space, as dom0 sees it: "0x0010".
  std::string config_word(const std::string &device, unsigned at);

  // MSI and MSI-X of the device are off, and xen-pciback has forgotten who had it.
  void expect_whole(const std::string &device);

  // Nothing of the devices stays with the stub domain that had them.
  void expect_no_permissions(const std::string &former_stub);

  // Plugs the first NIC into a guest that runs, has it carry data, unplugs it.
  void plug_rounds(GuestRun &guest, int count);
};

} // namespace linstub::lab
