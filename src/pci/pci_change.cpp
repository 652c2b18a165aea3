// SPDX-License-Identifier: MIT
#include "pci/pci_change.hpp"

namespace linstub::pci {
namespace {

using xen::XenbusState;

bool closed(XenbusState state) {
  return state == XenbusState::closing || state == XenbusState::closed;
}

// xen-pciback reads its directory and writes into it. To remove the directory now would be in vain:
// it would come back with the next node that is written, and xen-pciback would keep the device.
bool at_work(XenbusState backend) {
  return backend == XenbusState::initialising || backend == XenbusState::init_wait ||
         backend == XenbusState::reconfiguring;
}

// pcifront connects while the stub domain boots, to a bus without devices: half of what it takes to
// get the first one is done then. Only where there are no directories does it begin with the
// device.
PciNext waiting(const PciFacts &facts) {
  if (facts.held)
    return facts.late ? PciNext::in_use : PciNext::wait;
  if (closed(facts.backend) || closed(facts.frontend))
    return PciNext::refused;
  bool connected =
      facts.backend == XenbusState::connected && facts.frontend == XenbusState::connected;
  if (connected || facts.backend == XenbusState::unknown)
    return PciNext::connect;
  return facts.late ? PciNext::timed_out : PciNext::wait;
}

PciNext connecting(const PciFacts &facts) {
  if (closed(facts.backend) || (closed(facts.frontend) && !at_work(facts.backend)))
    return PciNext::refused;
  if (facts.backend == XenbusState::connected && facts.frontend == XenbusState::connected &&
      facts.taken && facts.listed)
    return PciNext::attached;
  return facts.late ? PciNext::timed_out : PciNext::wait;
}

// A domain that has closed its end has let go as well: pciback takes back what it had. But only
// pciback's word counts.
PciNext leaving(const PciFacts &facts) {
  if (facts.backend == XenbusState::connected && !facts.held)
    return PciNext::detached;
  if (closed(facts.backend) || facts.backend == XenbusState::unknown)
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
