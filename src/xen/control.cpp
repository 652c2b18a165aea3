// SPDX-License-Identifier: MIT
#include "xen/control.hpp"

#include "xen/xen_headers.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <span>

namespace linstub::xen {
namespace {

constexpr std::array<std::string_view, 6> reasons{"poweroff", "reboot",   "suspend",
                                                  "crash",    "watchdog", "soft reset"};

// What xc_domain_resume does for an HVM domain, without the library that it is in (libxenguest) and
// the five more that come with it.
base::Result<> resume(DomId domid) {
  struct Close {
    void operator()(xencall_handle *handle) const { xencall_close(handle); }
  };
  std::unique_ptr<xencall_handle, Close> calls(xencall_open(nullptr, 0));
  void *buffer = calls ? xencall_alloc_buffer(calls.get(), sizeof(xen_domctl_t)) : nullptr;
  if (buffer == nullptr)
    return base::fail_errno(errno, "prepare to resume domain {}", domid);
  xen_domctl_t domctl{};
  domctl.cmd = XEN_DOMCTL_resumedomain;
  domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
  domctl.domain = number(domid);
  std::memcpy(buffer, &domctl, sizeof domctl);
  int done = xencall1(calls.get(), __HYPERVISOR_domctl, reinterpret_cast<uintptr_t>(buffer));
  int code = errno;
  xencall_free_buffer(calls.get(), buffer);
  if (done < 0)
    return base::fail_errno(code, "resume domain {}", domid);
  return {};
}

std::string words(PermissionChange change, DomId domid) {
  return change == PermissionChange::grant
             ? base::format("grant domain {} permission for", domid)
             : base::format("revoke domain {}'s permission for", domid);
}

DomainInfo info_from(const xc_domaininfo_t &info) {
  DomainInfo result{.domid = DomId{info.domain},
                    .uuid = {},
                    .dying = (info.flags & XEN_DOMINF_dying) != 0,
                    .paused = (info.flags & XEN_DOMINF_paused) != 0,
                    .shutdown = std::nullopt,
                    .shutting_down = std::nullopt,
                    .memory = info.tot_pages * XC_PAGE_SIZE};
  static_assert(sizeof info.handle == sizeof result.uuid);
  std::memcpy(result.uuid.data(), &info.handle, sizeof info.handle);
  // As long as there is no reason Xen's is all ones.
  const uint32_t reason = (info.flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask;
  if (reason != XEN_DOMINF_shutdownmask)
    result.shutting_down = static_cast<uint8_t>(reason);
  if ((info.flags & XEN_DOMINF_shutdown) != 0)
    result.shutdown = static_cast<uint8_t>(reason);
  return result;
}

} // namespace

std::string shutdown_text(uint8_t reason) {
  return reason < reasons.size() ? std::string(reasons.at(reason))
                                 : base::format("reason {}", reason);
}

void Control::Close::operator()(xc_interface_core *handle) const { xc_interface_close(handle); }

base::Result<Control> Control::open() {
  xc_interface_core *handle = xc_interface_open(nullptr, nullptr, 0);
  if (handle == nullptr)
    return base::fail_errno(errno, "open Xen's control interface");
  return Control(handle);
}

base::Result<std::optional<DomainInfo>> Control::info(DomId domid) {
  xc_domaininfo_t info{};
  if (xc_domain_getinfo_single(handle_.get(), number(domid), &info) < 0) {
    if (errno == ESRCH)
      return std::nullopt;
    return base::fail_errno(errno, "get information about domain {}", domid);
  }
  return info_from(info);
}

base::Result<std::vector<DomainInfo>> Control::domains() {
  std::vector<DomainInfo> all;
  std::array<xc_domaininfo_t, 64> some{};
  uint32_t first = 0;
  for (;;) {
    int got = xc_domain_getinfolist(handle_.get(), first, some.size(), some.data());
    if (got < 0)
      return base::fail_errno(errno, "ask which domains there are");
    for (const auto &info : std::span(some).first(static_cast<size_t>(got)))
      all.push_back(info_from(info));
    if (static_cast<size_t>(got) < some.size())
      return all;
    first = uint32_t{number(all.back().domid)} + 1;
  }
}

base::Result<> Control::destroy(DomId domid) {
  if (xc_domain_destroy(handle_.get(), number(domid)) < 0 && errno != ESRCH)
    return base::fail_errno(errno, "destroy domain {}", domid);
  return {};
}

base::Result<bool> Control::runs(DomId domid) {
  auto now = TRY(info(domid));
  return now && !now->has_ended();
}

base::Result<bool> Control::is_suspended(DomId domid) {
  auto now = TRY(info(domid));
  return now && !now->dying && now->shutdown == SHUTDOWN_suspend;
}

base::Result<bool> Control::crash(DomId domid) {
  if (!TRY(runs(domid)))
    return false;
  auto shut_down = [&]() -> base::Result<bool> {
    if (xc_domain_shutdown(handle_.get(), number(domid), SHUTDOWN_crash) >= 0)
      return true;
    if (errno != ESRCH)
      return base::fail_errno(errno, "crash domain {}", domid);
    return false;
  };
  if (!TRY(shut_down()))
    return false;
  // A crash waits for nobody. But it does not count while a shutdown for another reason is under
  // way, which may wait for the device model for ever (common/domain.c, domain_shutdown()): that
  // one is taken back.
  if (!TRY(runs(domid)))
    return true;
  TRY(resume(domid));
  return shut_down();
}

base::Result<> Control::reboot(DomId domid) { return shut_down(domid, SHUTDOWN_reboot, "reboot"); }

base::Result<> Control::power_off(DomId domid) {
  return shut_down(domid, SHUTDOWN_poweroff, "power off");
}

base::Result<> Control::shut_down(DomId domid, int reason, const char *what) {
  if (!TRY(runs(domid)))
    return {};
  if (xc_domain_shutdown(handle_.get(), number(domid), reason) < 0 && errno != ESRCH)
    return base::fail_errno(errno, "{} domain {}", what, domid);
  return {};
}

base::Result<> Control::pause(DomId domid) {
  if (xc_domain_pause(handle_.get(), number(domid)) < 0 && errno != ESRCH)
    return base::fail_errno(errno, "pause domain {}", domid);
  return {};
}

base::Result<> Control::pause_between_requests(DomId domid, base::Deadline deadline) {
  // Xen lets a suspend wait until each virtual CPU has had its answer (common/domain.c,
  // vcpu_start_shutdown_deferral), but not a pause. So the domain is suspended, and as soon as that
  // is complete the suspend is exchanged for a pause, before a toolstack sees it.
  // One that a toolstack has suspended must not go on: its kernel has not been told what it missed.
  const auto before = TRY(info(domid));
  if (before && before->shutting_down)
    return base::fail("domain {} has been suspended, or has shut down", domid);
  if (xc_domain_shutdown(handle_.get(), number(domid), SHUTDOWN_suspend) < 0)
    return base::fail_errno(errno, "suspend domain {}", domid);
  bool suspended = false;
  for (bool late = false; !suspended && !late;) {
    late = deadline.passed();
    auto now = TRY(info(domid));
    if (!now || now->dying)
      return base::fail("domain {} has gone", domid);
    // Of two shutdowns Xen keeps the first one's reason: its own is not to be undone.
    if (now->shutting_down && *now->shutting_down != SHUTDOWN_suspend)
      return base::fail("domain {} has shut down", domid);
    suspended = now->shutdown.has_value();
  }
  base::Result<> paused;
  if (suspended)
    paused = pause(domid);
  TRY(resume(domid));
  if (!suspended)
    return std::unexpected(base::Error(
        base::format("domain {} has waited for its device model all the time", domid), ETIMEDOUT));
  return paused;
}

base::Result<> Control::unpause(DomId domid) {
  if (xc_domain_unpause(handle_.get(), number(domid)) < 0)
    return base::fail_errno(errno, "unpause domain {}", domid);
  return {};
}

base::Result<> Control::set_target(DomId domid, DomId target) {
  if (xc_domain_set_target(handle_.get(), number(domid), number(target)) < 0)
    return base::fail_errno(errno, "make domain {} the device model of domain {}", domid, target);
  return {};
}

base::Result<> Control::set_most_memory(DomId domid, uint64_t kib) {
  if (xc_domain_setmaxmem(handle_.get(), number(domid), kib) != 0)
    return base::fail_errno(errno, "let domain {} have {} KiB of memory", domid, kib);
  return {};
}

base::Result<> Control::populate(DomId domid, uint64_t first, uint64_t count) {
  constexpr uint64_t batch = 1024;
  std::array<xen_pfn_t, batch> frames{};
  for (uint64_t done = 0; done < count; done += batch) {
    const auto some = static_cast<size_t>(std::min(batch, count - done));
    std::iota(frames.begin(), frames.end(), first + done);
    if (xc_domain_populate_physmap_exact(handle_.get(), number(domid), some, 0, 0, frames.data()) !=
        0)
      return base::fail_errno(errno, "give domain {} {} pages from frame {:#x} on", domid, count,
                              first);
  }
  return {};
}

base::Result<> Control::set_sleep_state(DomId domid, bool sleeps) {
  constexpr uint64_t asleep = 3;
  if (xc_hvm_param_set(handle_.get(), number(domid), HVM_PARAM_ACPI_S_STATE, sleeps ? asleep : 0) !=
      0)
    return base::fail_errno(errno, "let domain {} {}", domid, sleeps ? "sleep" : "wake");
  return {};
}

bool Control::can_have_pci(DomId domid) {
  // Xen answers for a device, here the host bridge; but first, whether the domain uses the IOMMU.
  constexpr uint32_t host_bridge = 0;
  return xc_test_assign_device(handle_.get(), number(domid), host_bridge) == 0 ||
         errno != EOPNOTSUPP;
}

base::Result<uint32_t> Control::cpus() {
  xc_physinfo_t host{};
  if (xc_physinfo(handle_.get(), &host) != 0)
    return base::fail_errno(errno, "ask Xen how many CPUs there are");
  return host.nr_cpus;
}

base::Result<> Control::quarantine(const PciAddress &address) {
  // As the hypercall has it: domain, bus, device and function in one number.
  const uint32_t sbdf = uint32_t{address.domain} << 16 | uint32_t{address.bus} << 8 |
                        uint32_t{address.device} << 3 | address.function;
  if (xc_assign_device(handle_.get(), DOMID_IO, sbdf, XEN_DOMCTL_DEV_RDM_RELAXED) == 0)
    return {};
  const int code = errno;
  std::string_view why = "Xen refuses to take it out of dom0's reach";
  if (code == EOPNOTSUPP || code == ENOSYS)
    why = "Xen uses no IOMMU on this host, so nothing would keep its DMA out of dom0's memory";
  else if (code == EBUSY)
    why = "to Xen it is another domain's already";
  else if (code == ENODEV)
    why = "Xen knows no such device, or no IOMMU is in charge of it";
  return base::fail_errno(code, "PCI device {} cannot be quarantined: {}", text(address), why);
}

base::Result<> Control::ports(DomId domid, uint32_t first, uint32_t count,
                              PermissionChange change) {
  if (xc_domain_ioport_permission(handle_.get(), number(domid), first, count,
                                  std::to_underlying(change)) < 0)
    return base::fail_errno(errno, "{} I/O ports {:#x} to {:#x}", words(change, domid), first,
                            first + count - 1);
  return {};
}

base::Result<> Control::memory(DomId domid, uint64_t first_page, uint64_t pages,
                               PermissionChange change) {
  if (xc_domain_iomem_permission(handle_.get(), number(domid), first_page, pages,
                                 std::to_underlying(change)) < 0)
    return base::fail_errno(errno, "{} {} pages of memory from page {:#x}", words(change, domid),
                            pages, first_page);
  return {};
}

base::Result<> Control::interrupt(DomId domid, uint32_t interrupt, PermissionChange change) {
  auto irq = static_cast<int>(interrupt);
  // A PV domain knows an interrupt by a number of its own: the same one. It is mapped first, and
  // unmapped last; that it is not mapped any more is no error.
  int pirq = irq;
  if (change == PermissionChange::grant &&
      xc_physdev_map_pirq(handle_.get(), number(domid), irq, &pirq) < 0)
    return base::fail_errno(errno, "map interrupt {} to domain {}", interrupt, domid);
  if (xc_domain_irq_permission(handle_.get(), number(domid), interrupt,
                               change == PermissionChange::grant) < 0)
    return base::fail_errno(errno, "{} interrupt {}", words(change, domid), interrupt);
  if (change == PermissionChange::revoke)
    xc_physdev_unmap_pirq(handle_.get(), number(domid), irq);
  return {};
}

base::Result<std::string> Control::release() {
  int version = xc_version(handle_.get(), XENVER_version, nullptr);
  if (version < 0)
    return base::fail_errno(errno, "ask for Xen's version");
  return base::format("{}.{}", version >> 16, version & 0xffff);
}

} // namespace linstub::xen
