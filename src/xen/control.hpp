// SPDX-License-Identifier: MIT
// Control: what dom0 asks of the hypervisor about domains and does to them (libxenctrl).
#pragma once

#include "base/deadline.hpp"
#include "base/result.hpp"
#include "xen/domid.hpp"
#include "xen/pci_address.hpp"
#include "xen/uuid.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct xc_interface_core;

namespace linstub::xen {

struct DomainInfo {
  DomId domid{};
  Uuid uuid{};
  // All that was its own has been given back. What is left of it is memory that others map, until
  // they let go of it; it never runs again.
  bool dying = false;
  bool paused = false;             // by the toolstack
  std::optional<uint8_t> shutdown; // why it has shut down: SHUTDOWN_* of Xen's public/sched.h
  // The same, also if a virtual CPU that waits for its device model holds it up (common/domain.c).
  std::optional<uint8_t> shutting_down;
  uint64_t memory = 0; // bytes that it has now

  // It has shut down, or is on its way out.
  [[nodiscard]] bool has_ended() const { return dying || shutdown; }
};

// What is done to a permission of a domain.
enum class PermissionChange : uint8_t { revoke, grant };

// "poweroff", "reboot", "crash", ...
std::string shutdown_text(uint8_t reason);

class Control {
public:
  static base::Result<Control> open();

  // Nothing if there is no such domain.
  base::Result<std::optional<DomainInfo>> info(DomId domid);

  // Whether it is there and has not ended. One that is paused runs.
  base::Result<bool> runs(DomId domid);

  // Whether it has shut down to be saved: a toolstack may resume it.
  base::Result<bool> is_suspended(DomId domid);

  // All domains that there are, dom0 among them.
  base::Result<std::vector<DomainInfo>> domains();

  // Ends a domain at once: nothing of it runs any more, and what it has is given back. Its devices
  // and its nodes in xenstore are left to the caller: Toolstack::destroy() does all of it, and this
  // is for when that does not. No error if the domain is gone.
  base::Result<> destroy(DomId domid);

  // Makes the domain crash, at once, so that the toolstack does what on_crash says. False if there
  // was nothing to do: it is gone, or has shut down already.
  base::Result<bool> crash(DomId domid);

  // Has the domain shut down for a reboot, so that the toolstack does what on_reboot says. Xen lets
  // that wait until each virtual CPU has had its answer of the device model, so with one that does
  // not answer it never comes about: look at info(), and crash() it then. No error if the domain is
  // gone or has shut down already.
  base::Result<> reboot(DomId domid);

  // The same, for on_poweroff.
  base::Result<> power_off(DomId domid);

  // Each pause holds the domain until one unpause more than before has come.
  base::Result<> pause(DomId domid);

  // Pauses an HVM domain at a point where it waits for no answer of its device model. (A plain
  // pause() may come between the device model's answer and the virtual CPU that takes it.) Code
  // ETIMEDOUT when the deadline passes: then it runs on. Follow it by Xenstore::resumed().
  base::Result<> pause_between_requests(DomId domid, base::Deadline deadline);
  base::Result<> unpause(DomId domid);

  // Lets `domid` do to `target` what a device model has to do.
  base::Result<> set_target(DomId domid, DomId target);

  // Xen gives the domain no more memory than that from then on. Takes none away.
  base::Result<> set_most_memory(DomId domid, uint64_t kib);

  // Puts memory into an HVM domain: that many pages, from that frame on. Xen gives it no more than
  // its most, and a page at a time: after an error some may be there.
  base::Result<> populate(DomId domid, uint64_t first, uint64_t count);

  // Whether an HVM domain sleeps (ACPI's S3).
  base::Result<> set_sleep_state(DomId domid, bool sleeps);

  // Whether PCI devices can be passed through to the domain: the host has an IOMMU, and the domain
  // was made for it.
  bool can_have_pci(DomId domid);

  // Takes a PCI device out of dom0's IOMMU context: from then on none of its DMA reaches memory
  // until Xen assigns it to a domain. It is given to DOMID_IO, as `xl pci-assignable-add` does it.
  // One that is there already stays there. Xen's sources (4.20): drivers/passthrough/pci.c,
  // device_assigned() and assign_device(), takes a device from dom0 or from DOMID_IO only, and
  // notes that this one, when a domain ends or gives it up, goes back to DOMID_IO
  // (deassign_device()), even with iommu=no-quarantine; a later assignment to a guest takes it from
  // there. libxl_pci.c, libxl__device_pci_assignable_add(), says why the flag has to be "relaxed".
  // Code EBUSY for a device that is some domain's now, EOPNOTSUPP without an IOMMU.
  base::Result<> quarantine(const PciAddress &address);

  // Permissions for what a passed-through device has: I/O ports, pages of memory, an interrupt.
  base::Result<> ports(DomId domid, uint32_t first, uint32_t count, PermissionChange change);
  base::Result<> memory(DomId domid, uint64_t first_page, uint64_t pages, PermissionChange change);
  base::Result<> interrupt(DomId domid, uint32_t number, PermissionChange change);

  // The physical CPUs that Xen runs domains on.
  base::Result<uint32_t> cpus();

  // "4.20": the release of the running hypervisor.
  base::Result<std::string> release();

private:
  struct Close {
    void operator()(xc_interface_core *handle) const;
  };
  explicit Control(xc_interface_core *handle) : handle_(handle) {}
  base::Result<> shut_down(DomId domid, int reason, const char *what);

  std::unique_ptr<xc_interface_core, Close> handle_;
};

} // namespace linstub::xen
