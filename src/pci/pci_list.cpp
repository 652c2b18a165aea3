// SPDX-License-Identifier: MIT
#include "pci/pci_list.hpp"

#include "base/log.hpp"
#include "pci/pci_backend.hpp"
#include "wire/paths.hpp"

#include <algorithm>

namespace linstub::pci {

base::Result<std::vector<AssignedPci>> assigned_pci(xen::Xenstore &xenstore,
                                                    const HostPciBus &bus) {
  std::vector<AssignedPci> all;
  for (xen::DomId stub : TRY(domains_with_pci(xenstore))) {
    auto owner = TRY(xenstore.read_if_there(
        base::format("{}/{}", xen::domain_path(stub), wire::owner_node), 16));
    auto guest = owner ? xen::parse_domid(*owner) : base::fail("no stub domain of ours");
    if (!guest)
      continue;
    auto name = TRY(xenstore.read_if_there(xen::domain_path(*guest) + "/name", 256));
    for (const xen::PciAddress &address : TRY(PciBackend(xenstore, stub).devices())) {
      all.push_back({.host = TRY(bus.read(address)),
                     .guest = *guest,
                     .guest_name = base::printable(name.value_or(""), 256),
                     .stub = stub,
                     .interrupt = TRY(bus.interrupt(address)),
                     .interrupt_control = bus.has_interrupt_control(address)});
    }
  }
  std::ranges::sort(all, {}, [](const AssignedPci &one) { return one.host.address; });
  return all;
}

} // namespace linstub::pci
