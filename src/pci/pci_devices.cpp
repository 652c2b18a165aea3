// SPDX-License-Identifier: MIT
#include "pci/pci_devices.hpp"

#include "base/log.hpp"
#include "wire/paths.hpp"

#include <algorithm>
#include <utility>

namespace linstub::pci {
namespace {

using base::fail;
using base::Result;

constexpr size_t longest_id = 128;

} // namespace

Result<std::unique_ptr<PciDevices>> PciDevices::open(base::EventLoop &loop, xen::Control &control,
                                                     xen::DomId guest, xen::DomId stub,
                                                     HostPciBus bus) {
  xen::Xenstore xenstore = TRY(xen::Xenstore::connect());
  std::unique_ptr<PciDevices> devices(
      new PciDevices(loop, control, std::move(xenstore), guest, stub, std::move(bus)));
  TRY(devices->xenstore_.watch(devices->backend_.path(), "backend"));
  TRY(devices->xenstore_.watch(base::format("{}/device/pci", xen::domain_path(stub)), "frontend"));
  TRY(devices->xenstore_.watch(base::format("{}/{}", xen::domain_path(stub), wire::pci_node),
                               "stub"));
  devices->watch_ = TRY(loop.watch(devices->xenstore_.fd(), EPOLLIN,
                                   [raw = devices.get()](uint32_t) { raw->drain_events(); }));
  return devices;
}

// --- What QMP asks for ------------------------------------------------------------------------

Result<> PciDevices::possible() {
  auto list = TRY(xenstore_.read_if_there(
      base::format("{}/{}", xen::domain_path(stub_), wire::pci_node), wire::longest_pci));
  if (!list)
    return fail("the stub domain's image cannot serve PCI devices: its kernel has no /dev/mem "
                "(build a new one: linstub image build)");
  return {};
}

Result<xen::PciAddress> PciDevices::check(const std::string &id, const std::string &where) {
  if (id.empty() || id.size() > longest_id)
    return fail("a PCI device is passed through with an id of 1 to {} bytes", longest_id);
  const xen::PciAddress address = TRY(xen::parse_pci_address(where));
  TRY(possible());
  look_at_stuck();
  TRY(none_stuck());
  for (const auto &[other, device] : devices_) {
    if (other != address && device.id == id)
      return fail("the id {} is PCI device {}'s already", base::printable(id, longest_id),
                  xen::text(other));
  }
  auto known = devices_.find(address);
  if (known != devices_.end() && !known->second.id.empty())
    return fail("PCI device {} is attached to this guest already", xen::text(address));
  if (known == devices_.end())
    known = devices_.emplace(address, Device{.host = TRY(bus_.find(address))}).first;
  known->second.id = id;
  return address;
}

void PciDevices::attach(const std::string &id, const std::string &address, Done done) {
  if (going_)
    return done(fail("its stub domain has gone"));
  auto checked = check(id, address);
  if (!checked)
    return done(std::unexpected(std::move(checked).error()));
  if (devices_.at(*checked).attached)
    return done({});
  requests_.push_back({.address = *checked, .done = std::move(done)});
  next_change();
}

void PciDevices::taken(const std::string &id) {
  for (auto &[address, device] : devices_) {
    if (device.id == id)
      device.taken = device.attached && !is_leaving(address);
  }
}

bool PciDevices::is_leaving(const xen::PciAddress &address) const {
  return std::ranges::contains(leaving_, address) ||
         (change_ && change_->stage == PciStage::leaving &&
          std::ranges::contains(change_->addresses, address));
}

void PciDevices::give_back(const std::string &id) {
  if (id.empty() || going_)
    return;
  auto device = std::ranges::find_if(devices_, [&](auto &one) { return one.second.id == id; });
  if (device == devices_.end() || is_leaving(device->first))
    return;
  device->second.taken = false;
  leaving_.push_back(device->first);
  next_change();
}

// QEMU need not say DEVICE_DELETED before it leaves a device out of its list.
void PciDevices::settle(const std::vector<std::string> &listed, Done then) {
  if (going_)
    return then(fail("its stub domain has gone"));
  std::vector<std::string> missing;
  for (const auto &[address, device] : devices_) {
    if (device.taken && !std::ranges::contains(listed, device.id))
      missing.push_back(device.id);
  }
  for (const std::string &id : missing) {
    base::log_warning("QEMU does not list its PCI device {} any more, and has not said that it let "
                      "go of it",
                      id);
    give_back(id);
  }
  look_at_stuck();
  const bool busy = !leaving_.empty() || (change_ && change_->stage == PciStage::leaving);
  if (!busy)
    return then(none_stuck());
  none_leaving_.push_back(std::move(then));
}

Result<> PciDevices::none_stuck() const {
  for (const auto &[address, device] : devices_) {
    if (device.stuck)
      return fail(
          "PCI device {} is stuck in stub domain {}, which does not give it back: replace the "
          "stub domain (linstub upgrade {}) or end the guest (xl destroy {}) before anything "
          "else has the device",
          xen::text(address), stub_, guest_, guest_);
  }
  return {};
}

Result<> PciDevices::can_be_replaced() const {
  for (const auto &[address, device] : devices_) {
    if (!device.stuck)
      return fail(
          "the guest has PCI device {}, which another stub domain would not have: detach it "
          "first (xl pci-detach {} {})",
          xen::text(address), guest_, xen::text(address));
  }
  return {};
}

void PciDevices::refuse_requests(const Result<> &why) {
  while (!requests_.empty()) {
    const xen::PciAddress address = requests_.front().address;
    devices_.erase(address);
    answer(address, why);
  }
}

// Who is told may ask again: that is refused, and touches nothing.
PciDevices::~PciDevices() {
  going_ = true;
  watch_.reset();
  unwanted_timer_.reset();
  change_.reset();
  refuse_requests(fail("the stub domain has gone before the PCI device was attached to it"));
  for (const Done &call : std::exchange(none_leaving_, {}))
    call(fail("the stub domain has gone before it has given a PCI device back"));
}

} // namespace linstub::pci
