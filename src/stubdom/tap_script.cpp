// SPDX-License-Identifier: MIT
#include "stubdom/tap_script.hpp"

#include "base/log.hpp"
#include "base/process.hpp"
#include "sys/netlink.hpp"

#include <net/if.h>
#include <unistd.h>

namespace linstub::stubdom {
namespace {

constexpr base::Milliseconds script_timeout{20'000};
constexpr const char *vifs = "/local/domain/0/backend/vif";

std::string next_domid(xen::DomId guest) { return base::format("linstub{}", guest); }

// Xen's scripts find what is said of a tap by its name, "vif<domid>.<number>-emu" (vif-common.sh),
// and would take the first bridge that they see for one of another name. So what they read is also
// where they look for the next vif, as long as a script runs: but for the guest's own name of its
// vif, by which they would rename this one to what the one that serves is called.
class NodesOfNext {
public:
  NodesOfNext(xen::Xenstore &xenstore, xen::DomId guest)
      : xenstore_(xenstore), directory_(base::format("{}/{}", vifs, next_domid(guest))) {}
  NodesOfNext(const NodesOfNext &) = delete;
  NodesOfNext &operator=(const NodesOfNext &) = delete;
  ~NodesOfNext() { base::log_failure(xenstore_.remove(directory_), base::LogLevel::warning); }

  base::Result<> copy(xen::DomId guest, const plan::Nic &nic) {
    for (const char *node : {"bridge", "ip", "mac", "mtu", "frontend-id", "script"}) {
      const auto value =
          TRY(xenstore_.read_if_there(base::format("{}/{}/{}/{}", vifs, guest, nic.index, node)));
      if (value)
        TRY(xenstore_.write(base::format("{}/{}/{}", directory_, nic.index, node), *value));
    }
    return {};
  }

private:
  xen::Xenstore &xenstore_;
  std::string directory_;
};

base::Result<> run_script(xen::Xenstore &xenstore, xen::DomId guest, const plan::Nic &nic,
                          const char *command) {
  std::string relative = base::format("backend/vif/{}/{}", guest, nic.index);
  std::string backend = base::format("{}/{}/{}", vifs, guest, nic.index);
  auto node = [&](const char *name) {
    return xenstore.read_if_there(base::format("{}/{}", backend, name));
  };
  std::string script = TRY(xenstore.read(backend + "/script"));
  std::string vif = TRY(node("vifname")).value_or(base::format("vif{}.{}", guest, nic.index));
  base::Command process{
      .argv = {script, command, "type_if=tap"},
      .environment = std::vector<std::string>{"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                              "script=" + script, "XENBUS_TYPE=vif",
                                              "XENBUS_PATH=" + relative, "XENBUS_BASE_PATH=backend",
                                              "netdev=" + TRY(node("gatewaydev")).value_or(""),
                                              "INTERFACE=" + nic.interface, "vif=" + vif}};
  TRY(base::run_checked(std::move(process), base::Deadline::after(script_timeout)));
  return {};
}

base::Result<> run_for_next(xen::Xenstore &xenstore, xen::DomId guest, plan::Nic nic,
                            const char *command) {
  nic.interface = next_interface(guest, nic);
  NodesOfNext nodes(xenstore, guest);
  TRY(nodes.copy(guest, nic));
  return run_script(xenstore, guest, nic, command);
}

auto joining(const std::string &interface) {
  return base::doing("join {} to the guest's network", interface);
}

} // namespace

base::Result<> join_tap(xen::Xenstore &xenstore, xen::DomId guest, const plan::Nic &nic) {
  return run_script(xenstore, guest, nic, "add").transform_error(joining(nic.interface));
}

base::Result<> join_next(xen::Xenstore &xenstore, xen::DomId guest, const plan::Nic &nic) {
  return run_for_next(xenstore, guest, nic, "add")
      .transform_error(joining(next_interface(guest, nic)));
}

std::string next_interface(xen::DomId guest, const plan::Nic &nic) {
  return base::format("{}.{}", next_domid(guest), nic.index);
}

base::Result<> settle_tap(xen::Xenstore &xenstore, xen::DomId guest, const plan::Nic &nic) {
  const std::string next = next_interface(guest, nic);
  const unsigned link = ::if_nametoindex(next.c_str());
  const bool bridged = ::access(base::format("/sys/class/net/{}/brport", next).c_str(), F_OK) == 0;
  if (!bridged) // a switch that goes by names would keep this one
    base::log_failure(run_for_next(xenstore, guest, nic, "remove"), base::LogLevel::warning);
  if (link == 0) // gone with a stub domain that did not take over
    return {};
  sys::Route route = TRY(sys::Route::open());
  auto renamed = route.rename(link, nic.interface);
  const bool is_up = !renamed && renamed.error().code() == EBUSY; // Linux before 6.2
  if (is_up) {
    TRY(route.clear_flags(link, IFF_UP));
    renamed = route.rename(link, nic.interface);
  }
  TRY(std::move(renamed));
  return bridged && !is_up ? base::Result<>() : join_tap(xenstore, guest, nic);
}

} // namespace linstub::stubdom
