// SPDX-License-Identifier: MIT
#include "stubdom/tap_script.hpp"

#include "base/process.hpp"
#include "sys/netlink.hpp"

#include <net/if.h>
#include <unistd.h>

namespace linstub::stubdom {
namespace {

constexpr base::Milliseconds script_timeout{20'000};

} // namespace

base::Result<> join_tap(xen::Xenstore &xenstore, xen::DomId guest, const plan::Nic &nic) {
  std::string relative = base::format("backend/vif/{}/{}", guest, nic.index);
  std::string backend = base::format("/local/domain/0/{}", relative);
  auto node = [&](const char *name) {
    return xenstore.read_if_there(base::format("{}/{}", backend, name));
  };
  std::string script = TRY(xenstore.read(backend + "/script"));
  std::string vif = TRY(node("vifname")).value_or(base::format("vif{}.{}", guest, nic.index));
  base::Command command{
      .argv = {script, "add", "type_if=tap"},
      .environment = std::vector<std::string>{"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                              "script=" + script, "XENBUS_TYPE=vif",
                                              "XENBUS_PATH=" + relative, "XENBUS_BASE_PATH=backend",
                                              "netdev=" + TRY(node("gatewaydev")).value_or(""),
                                              "INTERFACE=" + nic.interface, "vif=" + vif}};
  auto done = base::run_checked(std::move(command), base::Deadline::after(script_timeout));
  if (!done)
    return base::fail("join {} to the guest's network: {}", nic.interface, done.error().message());
  return {};
}

std::string next_interface(xen::DomId guest, const plan::Nic &nic) {
  return base::format("linstub{}.{}", guest, nic.index);
}

base::Result<> settle_tap(xen::Xenstore &xenstore, xen::DomId guest, const plan::Nic &nic) {
  const unsigned link = ::if_nametoindex(next_interface(guest, nic).c_str());
  if (link == 0)
    return {};
  sys::Route route = TRY(sys::Route::open());
  auto renamed = route.rename(link, nic.interface);
  const bool is_up = !renamed && renamed.error().code() == EBUSY; // Linux before 6.2
  if (is_up) {
    TRY(route.clear_flags(link, IFF_UP));
    renamed = route.rename(link, nic.interface);
  }
  TRY(std::move(renamed));
  const bool bridged =
      ::access(base::format("/sys/class/net/{}/brport", nic.interface).c_str(), F_OK) == 0;
  return bridged && !is_up ? base::Result<>() : join_tap(xenstore, guest, nic);
}

} // namespace linstub::stubdom
