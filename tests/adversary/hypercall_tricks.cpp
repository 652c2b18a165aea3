// SPDX-License-Identifier: MIT
// What can be asked of Xen: of each hypercall the operations that reach beyond the domain and its
// guest, tried on dom0, on other domains and on Xen itself. Xen has to refuse every one.
#include "base/format.hpp"
#include "hypercalls.hpp"
#include "tricks.hpp"
#include "xen/xen_headers.hpp"

#include <array>

// NOLINTBEGIN
#pragma push_macro("__STRICT_ANSI__")
#undef __STRICT_ANSI__
extern "C" {
#include <xen/hvm/dm_op.h>
#include <xen/kexec.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>
}
#pragma pop_macro("__STRICT_ANSI__")
// NOLINTEND

namespace linstub::adversary {
namespace {

using base::Milliseconds;

// What was tried, and what of it was not refused.
class Tries {
public:
  void add(std::string_view what, xen::DomId domid, long result) {
    tried_++;
    if (result < 0)
      refused_++;
    else if (allowed_.size() < longest)
      allowed_ += base::format("{}{} on {}: {}", allowed_.empty() ? "" : ", ", what, domid, result);
  }
  [[nodiscard]] std::string text() const {
    return base::format("hypercalls: {} tried, {} refused, allowed: {}", tried_, refused_,
                        allowed_.empty() ? "none" : allowed_);
  }

private:
  static constexpr size_t longest = 2048;
  unsigned tried_ = 0;
  unsigned refused_ = 0;
  std::string allowed_;
};

struct Victims {
  std::vector<xen::DomId> others; // never the domain itself nor its guest
  xen::DomId self;
  xen::DomId guest;
};

Victims victims_of(const stub::Settings &settings) {
  Victims victims{.others = {xen::dom0}, .self = settings.self, .guest = settings.target};
  constexpr uint16_t around = 6;
  const uint16_t self = xen::number(settings.self);
  for (uint16_t id = self > around ? self - around : 1; id <= self + around; id++) {
    if (xen::DomId{id} != settings.self && xen::DomId{id} != settings.target)
      victims.others.push_back(xen::DomId{id});
  }
  for (uint16_t id : {DOMID_IO, DOMID_XEN, DOMID_COW, DOMID_INVALID})
    victims.others.push_back(xen::DomId{id});
  return victims;
}

// Operations of the toolstack. Some of them are a device model's as well, on its own guest:
// interrupts of passed-through devices, their memory and ports, and a look at the guest.
bool is_device_models(uint32_t command) {
  return command == XEN_DOMCTL_bind_pt_irq || command == XEN_DOMCTL_unbind_pt_irq ||
         command == XEN_DOMCTL_getdomaininfo || command == XEN_DOMCTL_memory_mapping ||
         command == XEN_DOMCTL_ioport_mapping;
}

void try_domctl(Hypercalls &hypercalls, const Victims &victims, Tries &tries) {
  auto attempt = [&](xen::DomId domid, uint32_t command) {
    xen_domctl request{};
    request.cmd = command;
    request.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    request.domain = xen::number(domid);
    tries.add(base::format("domctl {}", command), domid,
              hypercalls.call(__HYPERVISOR_domctl, &request));
  };
  for (uint32_t command = 1; command <= XEN_DOMCTL_set_llc_colors; command++) {
    for (xen::DomId domid : victims.others)
      attempt(domid, command);
    if (!is_device_models(command))
      attempt(victims.guest, command);
    attempt(victims.self, command);
  }
}

void try_whole_host(Hypercalls &hypercalls, Tries &tries) {
  for (uint32_t command = 1; command <= XEN_SYSCTL_dt_overlay; command++) {
    xen_sysctl request{};
    request.cmd = command;
    request.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    tries.add(base::format("sysctl {}", command), xen::dom0,
              hypercalls.call(__HYPERVISOR_sysctl, &request));
  }
  for (uint32_t command = 1; command <= XENPF_microcode_update2; command++) {
    xen_platform_op request{};
    request.cmd = command;
    request.interface_version = XENPF_INTERFACE_VERSION;
    tries.add(base::format("platform_op {}", command), xen::dom0,
              hypercalls.call(__HYPERVISOR_platform_op, &request));
  }
  std::array<uint64_t, 512> zeros{};
  for (uint64_t command :
       {PHYSDEVOP_apic_read, PHYSDEVOP_apic_write, PHYSDEVOP_manage_pci_add,
        PHYSDEVOP_manage_pci_remove, PHYSDEVOP_restore_msi, PHYSDEVOP_manage_pci_add_ext,
        PHYSDEVOP_setup_gsi, PHYSDEVOP_pci_mmcfg_reserved, PHYSDEVOP_pci_device_add,
        PHYSDEVOP_pci_device_remove, PHYSDEVOP_restore_msi_ext, PHYSDEVOP_dbgp_op,
        PHYSDEVOP_prepare_msix, PHYSDEVOP_release_msix})
    tries.add(base::format("physdev_op {}", command), xen::dom0,
              hypercalls.call(__HYPERVISOR_physdev_op, command, zeros.data()));
  for (uint64_t command = 0; command <= 5; command++)
    tries.add(base::format("kexec_op {}", command), xen::dom0,
              hypercalls.call(__HYPERVISOR_kexec_op, command, zeros.data()));
  tries.add("console_io read", xen::dom0,
            hypercalls.call(__HYPERVISOR_console_io, uint64_t{CONSOLEIO_read}, uint64_t{16},
                            zeros.data()));
  tries.add("xsm_op", xen::dom0, hypercalls.call(__HYPERVISOR_xsm_op, zeros.data()));
  tries.add("hypfs_op", xen::dom0,
            hypercalls.call(__HYPERVISOR_hypfs_op, uint64_t{1}, zeros.data(), uint64_t{8},
                            zeros.data(), uint64_t{8}));
}

void try_device_model(Hypercalls &hypercalls, const Victims &victims, Tries &tries) {
  for (xen::DomId domid : victims.others) {
    for (uint32_t operation = 1; operation <= XEN_DMOP_nr_vcpus; operation++)
      tries.add(base::format("dm_op {}", operation), domid,
                hypercalls.device_model_operation(domid, operation));
    xen_hvm_param parameter{.domid = xen::number(domid), .pad = 0, .index = 0, .value = 0};
    for (uint64_t command : {HVMOP_set_param, HVMOP_get_param})
      tries.add(base::format("hvm_op {}", command), domid,
                hypercalls.call(__HYPERVISOR_hvm_op, command, &parameter));
    sched_remote_shutdown shutdown{.domain_id = xen::number(domid), .reason = SHUTDOWN_poweroff};
    tries.add("remote_shutdown", domid,
              hypercalls.call(__HYPERVISOR_sched_op, uint64_t{SCHEDOP_remote_shutdown}, &shutdown));
    physdev_map_pirq map{.domid = xen::number(domid), .type = 1, .index = 1, .pirq = -1};
    tries.add("map_pirq", domid,
              hypercalls.call(__HYPERVISOR_physdev_op, uint64_t{PHYSDEVOP_map_pirq}, &map));
  }
}

void try_memory(Hypercalls &hypercalls, const Victims &victims, Tries &tries) {
  auto operation = [&](const char *what, xen::DomId domid, uint64_t command, const void *argument) {
    tries.add(what, domid, hypercalls.call(__HYPERVISOR_memory_op, command, argument));
  };
  for (xen::DomId domid : victims.others) {
    const domid_t id = xen::number(domid);
    std::array<xen_pfn_t, 1> frames{0x100};
    xen_memory_reservation reservation{};
    reservation.extent_start.p = frames.data();
    reservation.nr_extents = 1;
    reservation.domid = id;
    // These return for how many pages it was done: none is a refusal.
    for (uint64_t command :
         {XENMEM_increase_reservation, XENMEM_decrease_reservation, XENMEM_populate_physmap}) {
      const long pages = hypercalls.call(__HYPERVISOR_memory_op, command, &reservation);
      tries.add(base::format("reservation {}", command), domid, pages == 0 ? -1 : pages);
    }
    operation("claim_pages", domid, XENMEM_claim_pages, &reservation);
    domid_t asked = id;
    operation("current_reservation", domid, XENMEM_current_reservation, &asked);
    operation("maximum_reservation", domid, XENMEM_maximum_reservation, &asked);
    operation("maximum_gpfn", domid, XENMEM_maximum_gpfn, &asked);
    xen_add_to_physmap add{};
    add.domid = id;
    operation("add_to_physmap", domid, XENMEM_add_to_physmap, &add);
    xen_remove_from_physmap remove{.domid = id, .gpfn = 0x100};
    operation("remove_from_physmap", domid, XENMEM_remove_from_physmap, &remove);
    xen_mem_acquire_resource resource{};
    resource.frame_list.p = frames.data();
    resource.domid = id;
    resource.nr_frames = 1;
    for (uint16_t type = 0; type <= XENMEM_resource_vmtrace_buf; type++) {
      resource.type = type;
      operation("acquire_resource", domid, XENMEM_acquire_resource, &resource);
    }
    mmuext_op pin{};
    pin.cmd = MMUEXT_PIN_L1_TABLE;
    pin.arg1.mfn = 0x1000;
    tries.add(
        "mmuext_op pin", domid,
        hypercalls.call(__HYPERVISOR_mmuext_op, &pin, uint64_t{1}, uint64_t{0}, uint64_t{id}));
  }
}

// Pages of others: by their frame numbers, and by references that were not granted to us.
void try_pages(const Victims &victims, Tries &tries) {
  xenforeignmemory_handle *foreign = ::xenforeignmemory_open(nullptr, 0);
  xengnttab_handle *grants = ::xengnttab_open(nullptr, 0);
  for (xen::DomId domid : victims.others) {
    for (xen_pfn_t frame : {0x0UL, 0x1UL, 0x100UL, 0x1000UL, 0x10000UL}) {
      int error = 0;
      void *page =
          ::xenforeignmemory_map(foreign, xen::number(domid), PROT_READ, 1, &frame, &error);
      tries.add(base::format("a look at page {:#x}", static_cast<uint64_t>(frame)), domid,
                page == nullptr || error != 0 ? -1 : 0);
      if (page != nullptr)
        ::xenforeignmemory_unmap(foreign, page, 1);
    }
    for (uint32_t reference = 0; reference < 16; reference++) {
      void *page = ::xengnttab_map_grant_ref(grants, xen::number(domid), reference, PROT_READ);
      tries.add(base::format("grant {}", reference), domid, page == nullptr ? -1 : 0);
      if (page != nullptr)
        ::xengnttab_unmap(grants, page, 1);
    }
  }
  ::xengnttab_close(grants);
  ::xenforeignmemory_close(foreign);
}

void try_events(Hypercalls &hypercalls, const Victims &victims, Tries &tries) {
  auto operation = [&](const char *what, xen::DomId domid, uint64_t command, const void *argument) {
    tries.add(what, domid, hypercalls.call(__HYPERVISOR_event_channel_op, command, argument));
  };
  for (xen::DomId domid : victims.others) {
    const domid_t id = xen::number(domid);
    evtchn_alloc_unbound unbound{.dom = id, .remote_dom = xen::number(victims.self)};
    operation("alloc_unbound", domid, EVTCHNOP_alloc_unbound, &unbound);
    evtchn_reset reset{.dom = id};
    operation("reset of event channels", domid, EVTCHNOP_reset, &reset);
    for (evtchn_port_t port = 1; port <= 16; port++) {
      evtchn_status status{};
      status.dom = id;
      status.port = port;
      operation("event channel status", domid, EVTCHNOP_status, &status);
      evtchn_bind_interdomain bind{.remote_dom = id, .remote_port = port, .local_port = 0};
      operation("bind_interdomain", domid, EVTCHNOP_bind_interdomain, &bind);
    }
  }
}

Tries try_all(Hypercalls &hypercalls, const Victims &victims) {
  Tries tries;
  try_domctl(hypercalls, victims, tries);
  try_whole_host(hypercalls, tries);
  try_device_model(hypercalls, victims, tries);
  try_memory(hypercalls, victims, tries);
  try_pages(victims, tries);
  try_events(hypercalls, victims, tries);
  return tries;
}

} // namespace

void try_every_hypercall(Adversary &adversary) {
  Hypercalls hypercalls;
  const Tries tries = try_all(hypercalls, victims_of(adversary.settings));
  // What anybody may ask: that it can make hypercalls at all.
  const bool answered = hypercalls.call(__HYPERVISOR_xen_version, uint64_t{XENVER_version}) > 0;
  adversary.say(base::format("{}; Xen's version: {}", tries.text(), answered ? "told" : "refused"));
}

namespace {

// What would be allowed to its domain as well.
std::string try_for_itself(Hypercalls &hypercalls) {
  constexpr evtchn_port_t console = 2;
  evtchn_send send{.port = console};
  std::array<uint64_t, 64> version{};
  int done = 0;
  for (const long result :
       {hypercalls.increase_reservation(1),
        hypercalls.call(__HYPERVISOR_event_channel_op, uint64_t{EVTCHNOP_send}, &send),
        hypercalls.call(__HYPERVISOR_xen_version, uint64_t{XENVER_extraversion}, version.data())})
    done += result != -EPERM ? 1 : 0;
  return base::format("its own: {} of 3 done", done);
}

void say_as_qemu(Adversary &adversary, Hypercalls &hypercalls, const Tries &tries) {
  const long of_guest =
      hypercalls.device_model_operation(adversary.settings.target, XEN_DMOP_nr_vcpus);
  adversary.say(base::format("{}; of its guest: {}; {}", tries.text(),
                             of_guest == 0 ? "allowed" : "refused", try_for_itself(hypercalls)));
}

} // namespace

// As QEMU, in a stub domain whose kernel restricts it. It is its guest's device model.
void try_as_qemu(Adversary &adversary) {
  Hypercalls hypercalls;
  say_as_qemu(adversary, hypercalls, try_all(hypercalls, victims_of(adversary.settings)));
}

// As QEMU in one that was a spare: by what its linstub-init has restricted.
void try_as_qemu_of_a_spare(Adversary &adversary) {
  Hypercalls hypercalls(adversary.settings.target);
  Tries tries;
  try_device_model(hypercalls, victims_of(adversary.settings), tries);
  say_as_qemu(adversary, hypercalls, tries);
}

// On every channel that the domain has: the vchan's, the console's, xenstore's, the disks'.
void storm_of_events(Adversary &adversary) {
  Hypercalls hypercalls;
  constexpr evtchn_port_t most = 64;
  for (;;) {
    for (evtchn_port_t port = 1; port < most; port++) {
      evtchn_send send{.port = port};
      hypercalls.call(__HYPERVISOR_event_channel_op, uint64_t{EVTCHNOP_send}, &send);
    }
    adversary.serve_once(Milliseconds(0));
  }
}

} // namespace linstub::adversary
