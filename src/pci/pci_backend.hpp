// SPDX-License-Identifier: MIT
// PciBackend: the nodes in xenstore through which a stub domain gets PCI devices from xen-pciback,
// as libxl writes them (libxl_pci.c; Linux's drivers/xen/xen-pciback/xenbus.c).
//
// All devices of a domain share one pair of directories with one state. Something changes in steps:
// we mark devices as new or as leaving and set the backend's state to Reconfiguring, pcifront
// removes what is leaving, pciback does its part and says Reconfigured, pcifront looks for what is
// new, and both are Connected again. So there is one change at a time.
#pragma once

#include "base/result.hpp"
#include "xen/domid.hpp"
#include "xen/pci_address.hpp"
#include "xen/xenbus.hpp"
#include "xen/xenstore.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace linstub::pci {

struct PciStates {
  xen::XenbusState backend{};
  xen::XenbusState frontend{}; // hostile
};

class PciBackend {
public:
  PciBackend(xen::Xenstore &xenstore, xen::DomId domid) : xenstore_(xenstore), domid_(domid) {}

  // The directory in dom0 that pciback and we change.
  [[nodiscard]] std::string path() const;

  // The devices of the domain, in their order.
  base::Result<std::vector<xen::PciAddress>> devices();

  base::Result<PciStates> states();

  // Whether xen-pciback has taken the device for the domain: from then on it resets the device, and
  // forgets what it allows with it, when it gets it back.
  base::Result<bool> has_taken(const xen::PciAddress &address);

  // What xen-pciback has to say of its failure; empty if it has none.
  std::string failure();

  // Makes the directories without any device, for a domain that does not run yet: its pcifront
  // connects while it boots.
  base::Result<> open();

  // Marks devices as new.
  base::Result<> add(std::span<const xen::PciAddress> addresses);

  // Marks a device as leaving.
  base::Result<> remove(const xen::PciAddress &address);

  // After it has left: forgets it.
  base::Result<> forget(const xen::PciAddress &address);

  // Removes the whole. pciback takes all devices back, whether pcifront is alive or not.
  base::Result<> remove_all();

private:
  [[nodiscard]] std::string frontend() const;
  base::Result<> create();
  base::Result<std::optional<size_t>> find(const xen::PciAddress &address);
  base::Result<size_t> count();
  base::Result<> reconfigure();

  xen::Xenstore &xenstore_;
  xen::DomId domid_;
};

// The domains that have a xen-pciback directory.
base::Result<std::vector<xen::DomId>> domains_with_pci(xen::Xenstore &xenstore);

// The domains whose xen-pciback directory names the device.
base::Result<std::vector<xen::DomId>> users_of_pci(xen::Xenstore &xenstore,
                                                   const xen::PciAddress &address);

// The devices that libxl has set aside for a guest (/libxl/pci/<address>/domid): those that it
// attaches now or has attached.
base::Result<std::vector<xen::PciAddress>> pci_of_guest(xen::Xenstore &xenstore, xen::DomId guest);

// Fails if the device at `address` is not one of them. A guest gets what libxl attaches to it, and
// nothing else.
base::Result<> is_set_aside(xen::Xenstore &xenstore, xen::DomId guest, const std::string &address);

} // namespace linstub::pci
