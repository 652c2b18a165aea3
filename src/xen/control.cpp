#include "xen/control.hpp"

#include "xen/xen_headers.hpp"

#include <array>

namespace linstub::xen {
namespace {

constexpr std::array<std::string_view, 6> reasons{"poweroff", "reboot",   "suspend",
                                                  "crash",    "watchdog", "soft reset"};

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
                    .paused = (info.flags & XEN_DOMINF_paused) != 0,
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

base::Result<> Control::pause(DomId domid) {
  if (xc_domain_pause(handle_.get(), number(domid)) < 0)
    return base::fail_errno(errno, "pause domain {}", domid);
  return {};
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

base::Result<std::string> Control::release() {
  int version = xc_version(handle_.get(), XENVER_version, nullptr);
  if (version < 0)
    return base::fail_errno(errno, "ask for Xen's version");
  return base::format("{}.{}", version >> 16, version & 0xffff);
}

} // namespace linstub::xen
