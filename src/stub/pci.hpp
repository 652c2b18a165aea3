// SPDX-License-Identifier: MIT
// PciDevices: the PCI devices that dom0 has given the stub domain through pcifront, made visible to
// QEMU where it looks for them.
//
// pcifront shows a device at an address of its own (0000:00:00.0 is the first one's); QEMU is told
// the real address, and uses it in sysfs as well as in its hypercalls. So a small file system over
// /sys/bus/pci/devices has a link for each device, under its real address.
//
// QEMU has no capability; of what only root may open it needs two things, which linstub-init opens
// for it (sys/open_requests.hpp): the config file of a device that is here, whose capabilities the
// kernel shows to root alone, and /dev/mem, read only, for the table of MSI-X.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"
#include "xen/pci_address.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace linstub::stub {

class PciDevices {
public:
  // What is asked of the world, so that tests can answer.
  struct World {
    // A node's value, nothing if it is not there.
    std::function<base::Result<std::optional<std::string>>(const std::string &node)> read;
    std::string links = "/sys/bus/pci/devices"; // where QEMU looks
    std::string devices = "/sys/devices/pci-0"; // pcifront's
    std::string memory = "/dev/mem";
    bool mount = true; // a file system over `links` first
  };
  explicit PciDevices(World world) : world_(std::move(world)) {}

  // Whether this image can serve PCI devices at all: QEMU exits if there is no /dev/mem.
  [[nodiscard]] bool possible() const;

  // Looks at what dom0 has given and taken, and links and unlinks. To be called again whenever
  // something may have changed.
  base::Result<> look();

  // The addresses of the devices that QEMU can use now, for wire::pci_node.
  [[nodiscard]] std::string ready() const;

  // Decides on QEMU's opens, as OpenRequests::Decide.
  [[nodiscard]] base::Result<base::Fd> open(const std::string &path) const;

private:
  base::Result<std::map<xen::PciAddress, std::string>> given();

  World world_;
  bool mounted_ = false;
  std::map<xen::PciAddress, std::string> linked_; // real address, and the link's target
};

} // namespace linstub::stub
