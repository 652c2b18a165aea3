// SPDX-License-Identifier: MIT
// A sysfs with PCI devices that xen-pciback holds, in a directory of its own, for pci::HostPciBus.
#pragma once

#include "base/fd.hpp"
#include "base/format.hpp"
#include "pci/host_pci.hpp"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace linstub::fake {

class PciHost {
public:
  PciHost() {
    std::filesystem::create_directories(pciback_);
    put(pciback_ / "allow_interrupt_control", "");
  }
  ~PciHost() { std::filesystem::remove_all(root_); }
  PciHost(const PciHost &) = delete;
  PciHost &operator=(const PciHost &) = delete;

  // A NIC with ports 0xc200 to 0xc21f, 32 pages of memory at 0xfeb60000 and interrupt 20.
  void add(const xen::PciAddress &address) {
    std::filesystem::path device = root_ / "bus/pci/devices" / xen::text(address);
    std::filesystem::create_directories(device);
    put(device / "vendor", "0x8086\n");
    put(device / "device", "0x10d3\n");
    put(device / "irq", "20\n");
    put(device / "config", std::string(256, '\0'));
    put(device / "resource", "0xfeb60000 0xfeb7ffff 0x40200\n0xc200 0xc21f 0x40101\n");
    std::filesystem::create_directories(pciback_ / xen::text(address));
  }

  // xen-pciback has one of them with a domain, or none any more.
  void hold(const xen::PciAddress &address) {
    put(pciback_ / "allow_interrupt_control", xen::text(address) + "\n");
  }
  void let_go() { put(pciback_ / "allow_interrupt_control", ""); }

  // The same NIC, but one of its ranges has 256 bytes; and what /proc/iomem says.
  void add_small(const xen::PciAddress &address, std::string_view iomem) {
    add(address);
    put(root_ / "bus/pci/devices" / xen::text(address) / "resource",
        "0xfebd0000 0xfebd00ff 0x40200\n");
    put(root_ / "iomem", iomem);
  }

  [[nodiscard]] pci::HostPciBus bus() const { return {root_, root_ / "iomem"}; }

private:
  static std::string make_directory() {
    char name[] = "/tmp/pci_host.XXXXXX";
    return ::mkdtemp(name);
  }
  static void put(const std::filesystem::path &path, std::string_view text) {
    std::ofstream(path, std::ios::binary) << text;
  }

  std::filesystem::path root_ = make_directory();
  std::filesystem::path pciback_ = root_ / "bus/pci/drivers/pciback";
};

} // namespace linstub::fake
