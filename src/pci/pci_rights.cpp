#include "pci/pci_rights.hpp"

namespace linstub::pci {
namespace {

using base::Result;
using xen::Right;

constexpr uint64_t page = 4096;

Result<> set_range(xen::Control &control, xen::DomId domid, const PciRange &range, Right right) {
  if (range.space == PciSpace::ports)
    return control.ports(domid, static_cast<uint32_t>(range.first),
                         static_cast<uint32_t>(range.size), right);
  return control.memory(domid, range.first / page, (range.size + page - 1) / page, right);
}

} // namespace

Result<> give_rights(xen::Control &control, xen::DomId domid, const HostPci &device) {
  auto give = [&]() -> Result<> {
    for (const PciRange &range : device.ranges)
      TRY(set_range(control, domid, range, Right::give));
    if (device.interrupt != 0)
      TRY(control.interrupt(domid, device.interrupt, Right::give));
    return {};
  };
  auto given = give();
  if (!given) [[maybe_unused]]
    auto taken = take_rights(control, domid, device); // the first error is the cause
  return given;
}

Result<> take_rights(xen::Control &control, xen::DomId domid, const HostPci &device) {
  Result<> first;
  auto note = [&](Result<> done) {
    if (first && !done)
      first = std::move(done);
  };
  for (const PciRange &range : device.ranges)
    note(set_range(control, domid, range, Right::take));
  if (device.interrupt != 0)
    note(control.interrupt(domid, device.interrupt, Right::take));
  return first;
}

} // namespace linstub::pci
