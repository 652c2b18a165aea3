// SPDX-License-Identifier: MIT
#include "pci/pci_release.hpp"

#include "base/deadline.hpp"
#include "base/log.hpp"
#include "pci/pci_backend.hpp"

#include <unistd.h>

#include <algorithm>

namespace linstub::pci {
namespace {

constexpr base::Milliseconds release_timeout{6'000};
constexpr useconds_t between_looks = 50'000;

} // namespace

void release_pci(xen::Control &control, xen::Xenstore &xenstore, xen::DomId domid,
                 const HostPciBus &bus) {
  PciBackend backend(xenstore, domid);
  auto devices = backend.devices();
  auto log = [](const base::Result<> &done) { base::log_failure(done, base::LogLevel::warning); };
  if (devices && !devices->empty())
    log(control.pause(domid));
  if (!devices)
    base::log_warning("PCI devices of domain {}: {}", domid, devices.error().message());
  log(backend.remove_all());
  if (!devices)
    return;
  auto held = [&](const xen::PciAddress &address) { return bus.has_interrupt_control(address); };
  auto deadline = base::Deadline::after(release_timeout);
  while (std::ranges::any_of(*devices, held) && !deadline.passed())
    ::usleep(between_looks);
  for (const xen::PciAddress &address : *devices) {
    if (held(address))
      base::log_warning("PCI device {} was not given back by xen-pciback in time",
                        xen::text(address));
    else
      log(bus.clear_interrupts(address));
  }
}

void forget_dead_pci(xen::Control &control, xen::Xenstore &xenstore) {
  auto domains = domains_with_pci(xenstore);
  if (!domains)
    return base::log_failure(domains, base::LogLevel::warning);
  for (xen::DomId domid : *domains) {
    PciBackend backend(xenstore, domid);
    auto devices = backend.devices();
    auto info = control.info(domid);
    if (!devices || !devices->empty() || !info || *info)
      continue;
    base::log_failure(backend.remove_all(), base::LogLevel::warning);
  }
}

} // namespace linstub::pci
