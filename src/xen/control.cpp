#include "xen/control.hpp"

#include "xen/xen_headers.hpp"

#include <array>

namespace linstub::xen {
namespace {

constexpr std::array<std::string_view, 6> reasons{"poweroff", "reboot",   "suspend",
                                                  "crash",    "watchdog", "soft reset"};

std::string words(Right right, DomId domid) {
  return right == Right::give ? base::format("let domain {} use", domid)
                              : base::format("take from domain {} the right to", domid);
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
  DomainInfo result{.domid = domid,
                    .dying = (info.flags & XEN_DOMINF_dying) != 0,
                    .shutdown = std::nullopt,
                    .memory = info.tot_pages * XC_PAGE_SIZE};
  if ((info.flags & XEN_DOMINF_shutdown) != 0)
    result.shutdown =
        static_cast<uint8_t>((info.flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask);
  return result;
}

base::Result<> Control::crash(DomId domid) {
  auto now = TRY(info(domid));
  if (!now || now->dying || now->shutdown)
    return {};
  if (xc_domain_shutdown(handle_.get(), number(domid), SHUTDOWN_crash) < 0 && errno != ESRCH)
    return base::fail_errno(errno, "crash domain {}", domid);
  return {};
}

base::Result<> Control::set_target(DomId domid, DomId target) {
  if (xc_domain_set_target(handle_.get(), number(domid), number(target)) < 0)
    return base::fail_errno(errno, "make domain {} the device model of domain {}", domid, target);
  return {};
}

base::Result<> Control::pause(DomId domid) {
  if (xc_domain_pause(handle_.get(), number(domid)) < 0 && errno != ESRCH)
    return base::fail_errno(errno, "pause domain {}", domid);
  return {};
}

base::Result<> Control::ports(DomId domid, uint32_t first, uint32_t count, Right right) {
  if (xc_domain_ioport_permission(handle_.get(), number(domid), first, count,
                                  std::to_underlying(right)) < 0)
    return base::fail_errno(errno, "{} I/O ports {:#x} to {:#x}", words(right, domid), first,
                            first + count - 1);
  return {};
}

base::Result<> Control::memory(DomId domid, uint64_t first_page, uint64_t pages, Right right) {
  if (xc_domain_iomem_permission(handle_.get(), number(domid), first_page, pages,
                                 std::to_underlying(right)) < 0)
    return base::fail_errno(errno, "{} {} pages of memory from page {:#x}", words(right, domid),
                            pages, first_page);
  return {};
}

base::Result<> Control::interrupt(DomId domid, uint32_t interrupt, Right right) {
  auto irq = static_cast<int>(interrupt);
  // A PV domain knows an interrupt by a number of its own: the same one. It is mapped first, and
  // unmapped last; that it is not mapped any more is no error.
  int pirq = irq;
  if (right == Right::give && xc_physdev_map_pirq(handle_.get(), number(domid), irq, &pirq) < 0)
    return base::fail_errno(errno, "map interrupt {} to domain {}", interrupt, domid);
  if (xc_domain_irq_permission(handle_.get(), number(domid), interrupt, right == Right::give) < 0)
    return base::fail_errno(errno, "{} interrupt {}", words(right, domid), interrupt);
  if (right == Right::take)
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
