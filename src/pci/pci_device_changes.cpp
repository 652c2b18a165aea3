// SPDX-License-Identifier: MIT
// The changes of a stub domain's PCI devices, one at a time. What is asked for is in
// pci_devices.cpp.
#include "base/log.hpp"
#include "pci/pci_devices.hpp"
#include "pci/pci_permissions.hpp"
#include "wire/paths.hpp"

#include <algorithm>
#include <utility>

namespace linstub::pci {
namespace {

using base::Deadline;
using base::fail;
using base::Milliseconds;
using base::Result;

// libxl waits for 10 s for all that has to do with one device.
constexpr Milliseconds attach_timeout{8'500};
constexpr Milliseconds overdue_timeout{600'000};
constexpr Milliseconds leave_timeout{8'000};
constexpr Milliseconds between_looks{100};
// How long xen-pciback may take to get a device ready again after it was given back.
constexpr Milliseconds reset_timeout{4'000};
// A device that libxl has set aside for the guest but never asks for.
constexpr Milliseconds unwanted_timeout{20'000};

std::string join(const std::vector<xen::PciAddress> &addresses) {
  std::string text;
  for (const xen::PciAddress &address : addresses)
    text.append(text.empty() ? "" : ", ").append(xen::text(address));
  return text;
}

} // namespace

// Beside what is asked for: all that libxl has set aside for the guest and will ask for next. Its
// 10 s have begun for each of them.
std::vector<xen::PciAddress> PciDevices::wanted(const xen::PciAddress &address) {
  std::vector<xen::PciAddress> all{address};
  for (const Request &request : requests_) {
    if (!std::ranges::contains(all, request.address))
      all.push_back(request.address);
  }
  auto others = pci_of_guest(xenstore_, guest_);
  for (const xen::PciAddress &other : others.value_or(std::vector<xen::PciAddress>{})) {
    if (devices_.contains(other))
      continue;
    auto host = bus_.find(other);
    auto users = users_of_pci(xenstore_, other);
    if (!host || !users || !users->empty() || bus_.has_interrupt_control(other))
      continue; // its own request will tell why not
    devices_.emplace(other, Device{.host = std::move(*host)});
    all.push_back(other);
  }
  return all;
}

void PciDevices::next_change() {
  if (change_)
    return;
  if (!leaving_.empty()) {
    xen::PciAddress address = leaving_.front();
    leaving_.pop_front();
    base::log_info("PCI device {} is given back", xen::text(address));
    base::log_failure(backend_.remove(address));
    return begin(PciStage::leaving, {address}, Deadline::after(leave_timeout));
  }
  for (const Done &call : std::exchange(none_leaving_, {}))
    call(none_stuck());
  if (change_ || requests_.empty())
    return;
  if (auto none = none_stuck(); !none)
    refuse_requests(none);
  else
    begin(PciStage::waiting, wanted(requests_.front().address), Deadline::after(attach_timeout));
}

void PciDevices::begin(PciStage stage, std::vector<xen::PciAddress> addresses, Deadline deadline) {
  change_ = std::make_unique<Change>(Change{.stage = stage,
                                            .addresses = std::move(addresses),
                                            .timer = {},
                                            .deadline = deadline,
                                            .begin = base::Clock::now()});
  look();
}

void PciDevices::drain_events() {
  if (auto events = xenstore_.take_events(); !events)
    base::log_error("PCI devices: {}", events.error().message());
  look();
}

void PciDevices::look_again() {
  change_->timer = loop_.at(Deadline::after(between_looks), [this] { look(); });
}

Result<PciFacts> PciDevices::facts() {
  PciStates states = TRY(backend_.states());
  PciFacts facts{.held = false,
                 .taken = change_->stage == PciStage::connecting && TRY(allow_interrupts()),
                 .backend = states.backend,
                 .frontend = states.frontend,
                 .listed = true,
                 .late = change_->deadline.passed()};
  auto ready = xenstore_.read_if_there(
      base::format("{}/{}", xen::domain_path(stub_), wire::pci_node), wire::longest_pci);
  std::string list = ready && *ready ? **ready : std::string();
  bool may_reset = base::Clock::now() - change_->begin < reset_timeout;
  for (const xen::PciAddress &address : change_->addresses) {
    facts.listed = facts.listed && lists_pci(list, address, ' ');
    if (change_->stage == PciStage::leaving) {
      facts.held = facts.held || bus_.has_interrupt_control(address);
    } else if (change_->stage == PciStage::waiting) {
      for (xen::DomId user : TRY(users_of_pci(xenstore_, address)))
        facts.held = facts.held || (user != guest_ && user != stub_);
      facts.held = facts.held || (may_reset && bus_.has_interrupt_control(address));
    }
  }
  return facts;
}

// For each device that xen-pciback has taken, and not before: it clears that permission only when
// it gets the device back. Returns whether it has taken all of them.
Result<bool> PciDevices::allow_interrupts() {
  bool all = true;
  for (const xen::PciAddress &address : change_->addresses) {
    const bool taken = TRY(backend_.has_taken(address));
    if (taken && !bus_.has_interrupt_control(address))
      TRY(bus_.allow_interrupt_control(address));
    all = all && taken;
  }
  return all;
}

void PciDevices::look() {
  while (change_) {
    auto seen = facts();
    if (!seen) {
      base::log_error("PCI devices: {}", seen.error().message());
      return change_->stage == PciStage::leaving ? finish_leave(false)
                                                 : undo(seen.error().message());
    }
    PciNext what = next(change_->stage, *seen);
    if (what == PciNext::wait)
      return look_again();
    act(what);
    if (what != PciNext::connect)
      return;
  }
}

void PciDevices::act(PciNext what) {
  std::string which = join(change_->addresses);
  switch (what) {
  case PciNext::wait:
    return;
  case PciNext::connect:
    if (auto safe = quarantine(); !safe)
      return finish_attach(safe); // nothing was done yet
    if (auto connected = connect(); !connected)
      undo(connected.error().message());
    return;
  case PciNext::attached:
    base::log_info(
        "PCI device {} is attached to stub domain {}, after {} ms", which, stub_,
        std::chrono::duration_cast<Milliseconds>(base::Clock::now() - change_->begin).count());
    return finish_attach({});
  case PciNext::in_use: {
    std::string who;
    for (const xen::PciAddress &address : change_->addresses) {
      for (xen::DomId user : users_of_pci(xenstore_, address).value_or(std::vector<xen::DomId>{}))
        who += base::format("{}domain {}", who.empty() ? "" : " and ", user);
    }
    return finish_attach(
        fail("PCI device {} is in use by {}, which has to give it back first (linstub "
             "pci shows who has what)",
             which, who.empty() ? "another domain (xen-pciback holds it)" : who));
  }
  case PciNext::refused: {
    std::string failure = backend_.failure();
    return undo(base::format("PCI device {} cannot be attached to the stub domain: {}", which,
                             failure.empty() ? "its kernel has closed the PCI frontend" : failure));
  }
  case PciNext::timed_out:
    return overdue();
  case PciNext::detached:
    return finish_leave(true);
  case PciNext::stuck:
    return finish_leave(false);
  }
}

// Before the stub domain gets anything of them. What was only taken along is left out if Xen
// refuses it: its own request will tell why.
Result<> PciDevices::quarantine() {
  std::vector<xen::PciAddress> refused;
  for (const xen::PciAddress &address : change_->addresses) {
    auto done = control_.quarantine(address);
    if (!done && !devices_.at(address).id.empty())
      return done;
    if (!done)
      refused.push_back(address);
  }
  for (const xen::PciAddress &address : refused) {
    std::erase(change_->addresses, address);
    devices_.erase(address);
  }
  return {};
}

Result<> PciDevices::connect() {
  for (const xen::PciAddress &address : change_->addresses) {
    TRY(bus_.clear_interrupts(address));
    TRY(grant_permissions(control_, stub_, devices_.at(address).host)
            .transform_error(base::doing("PCI device {}", xen::text(address))));
  }
  TRY(backend_.add(change_->addresses));
  change_->stage = PciStage::connecting;
  return {};
}

// To take the device away now would be worse than to go on: pcifront asks pciback for each of 256
// possible functions, waits 2 s for an answer that does not come, and meanwhile nothing else runs
// in the stub domain. So who has asked is told, and the device, once it is there, is given back
// unless somebody has asked again.
void PciDevices::overdue() {
  std::string why =
      base::format("PCI device {} was not ready in the stub domain within {} s; try again",
                   join(change_->addresses), attach_timeout.count() / 1000);
  if (change_->stage == PciStage::waiting)
    return finish_attach(fail("{}", why)); // nothing was done yet
  if (change_->overdue)
    return undo(why);
  change_->overdue = true;
  change_->deadline = Deadline::after(overdue_timeout);
  look_again();
  for (const xen::PciAddress &address : std::vector(change_->addresses)) {
    devices_.at(address).id.clear();
    answer(address, fail("{}", why));
  }
}

// Gives back what a failed attach has done so far.
void PciDevices::undo(const std::string &why) {
  std::vector<xen::PciAddress> failed = change_->addresses;
  bool alone = std::ranges::none_of(devices_, [](auto &one) { return one.second.attached; });
  for (const xen::PciAddress &address : failed)
    base::log_failure(revoke_permissions(control_, stub_, devices_.at(address).host),
                      base::LogLevel::warning);
  if (alone)
    base::log_failure(backend_.remove_all());
  else
    leaving_.insert(leaving_.end(), failed.begin(), failed.end());
  finish_attach(fail("{}", why));
}

void PciDevices::answer(const xen::PciAddress &address, const Result<> &result) {
  std::vector<Request> ready;
  for (auto request = requests_.begin(); request != requests_.end();) {
    if (request->address == address) {
      ready.push_back(std::move(*request));
      request = requests_.erase(request);
    } else {
      ++request;
    }
  }
  for (Request &request : ready)
    request.done(result);
}

void PciDevices::finish_attach(const Result<> &result) {
  std::vector<xen::PciAddress> addresses = change_->addresses;
  change_.reset();
  for (const xen::PciAddress &address : addresses) {
    if (result)
      devices_.at(address).attached = true;
    else if (!std::ranges::contains(leaving_, address))
      devices_.erase(address);
  }
  if (result)
    unwanted_timer_ = loop_.at(Deadline::after(unwanted_timeout), [this] { drop_unwanted(); });
  for (const xen::PciAddress &address : addresses)
    answer(address, result);
  next_change();
}

void PciDevices::finish_leave(bool gone) {
  std::vector<xen::PciAddress> addresses = change_->addresses;
  change_.reset();
  for (const xen::PciAddress &address : addresses) {
    auto device = devices_.find(address);
    if (device == devices_.end())
      continue;
    if (gone) {
      freed(address);
      continue;
    }
    device->second.id.clear();
    device->second.taken = false;
    device->second.stuck = true;
    base::log_failure(none_stuck());
    // At least nothing more of it can be mapped.
    base::log_failure(revoke_permissions(control_, stub_, device->second.host),
                      base::LogLevel::warning);
  }
  next_change();
}

// xen-pciback has it, or nobody any more.
void PciDevices::freed(const xen::PciAddress &address) {
  auto device = devices_.find(address);
  if (!device->second.stuck)
    base::log_failure(revoke_permissions(control_, stub_, device->second.host),
                      base::LogLevel::warning);
  base::log_failure(backend_.forget(address));
  devices_.erase(device);
  base::log_info("PCI device {} is free again", xen::text(address));
}

// One that has come back after all.
void PciDevices::look_at_stuck() {
  std::vector<xen::PciAddress> stuck;
  for (const auto &[address, device] : devices_) {
    if (device.stuck)
      stuck.push_back(address);
  }
  for (const xen::PciAddress &address : stuck) {
    auto states = backend_.states();
    const bool idle = states && (states->backend == xen::XenbusState::connected ||
                                 states->backend == xen::XenbusState::unknown);
    if (idle && !bus_.has_interrupt_control(address))
      freed(address);
  }
}

void PciDevices::drop_unwanted() {
  for (const auto &[address, device] : devices_) {
    if (device.attached && device.id.empty() && !device.stuck && !is_leaving(address))
      leaving_.push_back(address);
  }
  next_change();
}

} // namespace linstub::pci
