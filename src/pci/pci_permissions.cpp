// SPDX-License-Identifier: MIT
#include "pci/pci_permissions.hpp"

namespace linstub::pci {
namespace {

using base::Result;
using xen::PermissionChange;

constexpr uint64_t page = 4096;

Result<> set_range(xen::Control &control, xen::DomId domid, const PciRange &range,
                   PermissionChange change) {
  if (range.space == PciSpace::ports)
    return control.ports(domid, static_cast<uint32_t>(range.first),
                         static_cast<uint32_t>(range.size), change);
  return control.memory(domid, range.first / page, (range.size + page - 1) / page, change);
}

} // namespace

Result<> grant_permissions(xen::Control &control, xen::DomId domid, const HostPci &device) {
  auto give = [&]() -> Result<> {
    for (const PciRange &range : device.ranges)
      TRY(set_range(control, domid, range, PermissionChange::grant));
    if (device.interrupt != 0)
      TRY(control.interrupt(domid, device.interrupt, PermissionChange::grant));
    return {};
  };
  auto given = give();
  if (!given) [[maybe_unused]]
    auto taken = revoke_permissions(control, domid, device); // the first error is the cause
  return given;
}

Result<> revoke_permissions(xen::Control &control, xen::DomId domid, const HostPci &device) {
  Result<> first;
  auto note = [&](Result<> done) {
    if (first && !done)
      first = std::move(done);
  };
  for (const PciRange &range : device.ranges)
    note(set_range(control, domid, range, PermissionChange::revoke));
  if (device.interrupt != 0)
    note(control.interrupt(domid, device.interrupt, PermissionChange::revoke));
  return first;
}

} // namespace linstub::pci
