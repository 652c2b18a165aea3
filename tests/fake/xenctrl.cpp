// SPDX-License-Identifier: MIT
#include "fake/xenctrl.hpp"

#include "base/format.hpp"
#include "xen/xen_headers.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

using linstub::base::format;
using linstub::fake::the_xen;

namespace linstub::fake {
namespace {

Xen *the_only = nullptr;

} // namespace

Xen::Xen() {
  EXPECT_EQ(the_only, nullptr) << "one fake hypervisor at a time";
  the_only = this;
}

Xen::~Xen() { the_only = nullptr; }

Xen &the_xen() {
  if (the_only == nullptr) {
    ADD_FAILURE() << "the hypervisor is called, and the test has no fake::Xen";
    std::abort();
  }
  return *the_only;
}

int Xen::check(std::string_view name, uint32_t domid) {
  if (auto failure = failures_.find(name); failure != failures_.end()) {
    errno = failure->second;
    failures_.erase(failure);
    return -1;
  }
  if (domid != DOMID_IO && !domains.contains(domid)) {
    errno = ESRCH;
    return -1;
  }
  return 0;
}

int Xen::note(std::string_view name, uint32_t domid, std::string_view rest) {
  calls.push_back(base::format("{} {}{}{}", name, domid, rest.empty() ? "" : " ", rest));
  return check(name, domid);
}

// What xc_domain_getinfo tells of a domain.
int describe(uint32_t domid, xc_domaininfo_t &info) {
  auto &domain = the_xen().domains.at(domid);
  info = {};
  std::memcpy(&info.handle, domain.uuid.data(), domain.uuid.size());
  info.domain = static_cast<domid_t>(domid);
  info.tot_pages = domain.pages;
  if (domain.dying)
    info.flags |= XEN_DOMINF_dying;
  if (domain.pauses > 0)
    info.flags |= XEN_DOMINF_paused;
  bool hidden = domain.looks_until_suspended > 0;
  if (hidden && domain.shutdown)
    domain.looks_until_suspended--;
  info.flags |= domain.shutdown.value_or(XEN_DOMINF_shutdownmask) << XEN_DOMINF_shutdownshift;
  if (domain.shutdown && !hidden)
    info.flags |= XEN_DOMINF_shutdown;
  return 0;
}

} // namespace linstub::fake

// --- In place of libxenctrl's and libxencall's
// ----------------------------------------------------

struct xc_interface_core {};
struct xencall_handle {};

extern "C" {

xc_interface *xc_interface_open(xentoollog_logger *, xentoollog_logger *, unsigned) {
  static xc_interface_core handle;
  return &handle;
}

int xc_interface_close(xc_interface *) { return 0; }

int xc_domain_getinfo_single(xc_interface *, uint32_t domid, xc_domaininfo_t *info) {
  if (the_xen().check("info", domid) != 0)
    return -1;
  return linstub::fake::describe(domid, *info);
}

int xc_domain_getinfolist(xc_interface *, uint32_t first, unsigned most, xc_domaininfo_t *list) {
  unsigned count = 0;
  auto &domains = the_xen().domains;
  for (auto at = domains.lower_bound(first); at != domains.end() && count < most; ++at)
    linstub::fake::describe(at->first, list[count++]);
  return static_cast<int>(count);
}

int xc_domain_destroy(xc_interface *, uint32_t domid) {
  if (the_xen().note("destroy", domid) != 0)
    return -1;
  auto domain = the_xen().domains.find(domid);
  if (domain->second.destructions_survived > 0)
    domain->second.destructions_survived--;
  else
    the_xen().domains.erase(domain);
  return 0;
}

int xc_domain_shutdown(xc_interface *, uint32_t domid, int reason) {
  if (the_xen().note("shutdown", domid, format("{}", reason)) != 0)
    return -1;
  auto &domain = the_xen().domains.at(domid);
  if (domain.shutdown)
    return 0; // the first one counts
  domain.shutdown = static_cast<unsigned>(reason);
  if (reason == SHUTDOWN_crash) // which waits for nobody
    domain.looks_until_suspended = 0;
  return 0;
}

int xc_domain_pause(xc_interface *, uint32_t domid) {
  if (the_xen().note("pause", domid) != 0)
    return -1;
  the_xen().domains.at(domid).pauses++;
  return 0;
}

int xc_domain_unpause(xc_interface *, uint32_t domid) {
  if (the_xen().note("unpause", domid) != 0)
    return -1;
  auto &domain = the_xen().domains.at(domid);
  if (domain.pauses > 0)
    domain.pauses--;
  return 0;
}

int xc_domain_set_target(xc_interface *, uint32_t domid, uint32_t target) {
  return the_xen().note("set_target", domid, format("{}", target));
}

int xc_test_assign_device(xc_interface *, uint32_t domid, uint32_t) {
  if (the_xen().check("test_assign", domid) != 0)
    return -1;
  errno = the_xen().has_iommu ? ENODEV : EOPNOTSUPP; // the host bridge never can
  return -1;
}

// As Xen's drivers/passthrough/pci.c: from dom0 or from quarantine only.
int xc_assign_device(xc_interface *, uint32_t domid, uint32_t sbdf, uint32_t flags) {
  if (the_xen().note("assign", domid, format("{:#x} {}", sbdf, flags)) != 0)
    return -1;
  auto &owners = the_xen().pci_owners;
  auto owner = owners.find(sbdf);
  if (!the_xen().has_iommu) {
    errno = EOPNOTSUPP;
    return -1;
  }
  if (owner != owners.end() && owner->second != 0 && owner->second != DOMID_IO) {
    errno = EBUSY;
    return -1;
  }
  owners[sbdf] = domid;
  return 0;
}

int xc_domain_ioport_permission(xc_interface *, uint32_t domid, uint32_t first, uint32_t count,
                                uint32_t allow) {
  return the_xen().note("ports", domid, format("{:#x} {} {}", first, count, allow));
}

int xc_domain_iomem_permission(xc_interface *, uint32_t domid, unsigned long first,
                               unsigned long count, uint8_t allow) {
  return the_xen().note("memory", domid, format("{:#x} {} {}", first, count, unsigned{allow}));
}

int xc_domain_populate_physmap_exact(xc_interface *, uint32_t domid, unsigned long count,
                                     unsigned int, unsigned int, xen_pfn_t *frames) {
  return the_xen().note("populate", domid, format("{} {}", frames[0], count));
}

int xc_hvm_param_set(xc_interface *, uint32_t domid, uint32_t parameter, uint64_t value) {
  return the_xen().note("hvm_param", domid, format("{} {}", parameter, value));
}

int xc_domain_irq_permission(xc_interface *, uint32_t domid, uint32_t pirq, bool allow) {
  return the_xen().note("interrupt", domid, format("{} {}", pirq, allow ? 1 : 0));
}

int xc_physdev_map_pirq(xc_interface *, uint32_t domid, int index, int *) {
  return the_xen().note("map_interrupt", domid, format("{}", index));
}

int xc_physdev_unmap_pirq(xc_interface *, uint32_t domid, int pirq) {
  return the_xen().note("unmap_interrupt", domid, format("{}", pirq));
}

int xc_physinfo(xc_interface *, xc_physinfo_t *host) {
  host->nr_cpus = the_xen().cpus;
  return 0;
}

int xc_version(xc_interface *, int, void *) { return the_xen().version; }

xencall_handle *xencall_open(xentoollog_logger *, unsigned) {
  static xencall_handle handle;
  return &handle;
}

int xencall_close(xencall_handle *) { return 0; }
void *xencall_alloc_buffer(xencall_handle *, size_t size) { return ::malloc(size); }
void xencall_free_buffer(xencall_handle *, void *buffer) { ::free(buffer); }

int xencall1(xencall_handle *, unsigned, uint64_t argument) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a hypercall takes addresses as numbers
  const auto *domctl = reinterpret_cast<const xen_domctl_t *>(argument);
  EXPECT_EQ(domctl->cmd, uint32_t{XEN_DOMCTL_resumedomain});
  if (the_xen().note("resume", domctl->domain) != 0)
    return -1;
  the_xen().domains.at(domctl->domain).shutdown.reset();
  return 0;
}

} // extern "C"
