#include "pci/pci_change.hpp"

#include "xen/xenbus.hpp"

namespace linstub::pci {
namespace {

bool closed(unsigned state) { return state == xen::xenbus_closing || state == xen::xenbus_closed; }

// xen-pciback reads its directory and writes into it. To remove that now would be in vain: it would
// come back with the next node that is written, and xen-pciback would keep the device.
bool at_work(unsigned backend) {
  return backend == xen::xenbus_new || backend == xen::xenbus_waiting ||
         backend == xen::xenbus_reconfiguring;
}

// pcifront connects while the stub domain boots, to a bus without devices: half of what it takes to
// get the first one is done then. Only without directories is it to begin with the device.
PciNext waiting(const PciFacts &facts) {
  if (facts.held)
    return facts.late ? PciNext::in_use : PciNext::wait;
  if (closed(facts.backend) || closed(facts.frontend))
    return PciNext::refused;
  bool connected =
      facts.backend == xen::xenbus_connected && facts.frontend == xen::xenbus_connected;
  if (connected || facts.backend == 0)
    return PciNext::connect;
  return facts.late ? PciNext::timed_out : PciNext::wait;
}

PciNext connecting(const PciFacts &facts) {
  if (closed(facts.backend) || (closed(facts.frontend) && !at_work(facts.backend)))
    return PciNext::refused;
  if (facts.backend == xen::xenbus_connected && facts.frontend == xen::xenbus_connected &&
      facts.taken && facts.listed)
    return PciNext::attached;
  return facts.late ? PciNext::timed_out : PciNext::wait;
}

// A domain that has closed its end has let go as well: pciback takes back what it had. But only
// pciback's word counts.
PciNext leaving(const PciFacts &facts) {
  if (facts.backend == xen::xenbus_connected && !facts.held)
    return PciNext::detached;
  if (closed(facts.backend) || facts.backend == 0)
    return PciNext::stuck;
  return facts.late ? PciNext::stuck : PciNext::wait;
}

} // namespace

PciNext next(PciStage stage, const PciFacts &facts) {
  switch (stage) {
  case PciStage::waiting:
    return waiting(facts);
  case PciStage::connecting:
    return connecting(facts);
  case PciStage::leaving:
    break;
  }
  return leaving(facts);
}

} // namespace linstub::pci
