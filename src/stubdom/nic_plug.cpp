// SPDX-License-Identifier: MIT
#include "stubdom/nic_plug.hpp"

#include "base/deadline.hpp"
#include "sys/netlink.hpp"
#include "xen/pv_device.hpp"

#include <net/if.h>
#include <unistd.h>

namespace linstub::stubdom {
namespace {

using base::Result;

constexpr base::Milliseconds interface_timeout{10'000};
constexpr useconds_t between_looks = 5'000;

// libxl's word for what has no other (libxl_nic.c).
constexpr const char *kind = "vif";

xen::PvDevice device_of(xen::DomId stub, const plan::Nic &nic) {
  return {.kind = kind, .domid = stub, .number = nic.index, .backend = {}, .frontend = {}};
}

// As netback calls it at first (drivers/net/xen-netback/interface.c, xenvif_alloc()).
std::string first_name(xen::DomId stub, const plan::Nic &nic) {
  return base::format("vif{}.{}", stub, nic.index);
}

Result<unsigned> await_interface(const std::string &name) {
  for (const auto deadline = base::Deadline::after(interface_timeout);;) {
    if (const unsigned link = ::if_nametoindex(name.c_str()); link != 0)
      return link;
    if (deadline.passed())
      return base::fail("{} is not there: does xen-netback run in dom0?", name);
    ::usleep(between_looks);
  }
}

} // namespace

Result<> plug_nic(xen::Xenstore &xenstore, xen::DomId stub, const plan::Nic &nic,
                  const std::string &hotplug) {
  const std::string handle = std::to_string(nic.index);
  xen::PvDevice device = device_of(stub, nic);
  device.backend = {{"script", hotplug},    {"vifname", nic.interface}, {"mac", nic.mac},
                    {"bridge", nic.bridge}, {"handle", handle},         {"type", "vif"},
                    {"hotplug-status", ""}};
  device.frontend = {{"handle", handle}, {"mac", nic.mac}};
  return xen::plug_device(xenstore, device).transform_error(base::doing("plug NIC {}", nic.index));
}

Result<> name_nic(xen::Xenstore &xenstore, xen::DomId stub, const plan::Nic &nic) {
  auto name = [&]() -> Result<> {
    const unsigned link = TRY(await_interface(first_name(stub, nic)));
    sys::Route route = TRY(sys::Route::open());
    TRY(route.rename(link, nic.interface));
    return xenstore.write(xen::backend_path(device_of(stub, nic)) + "/hotplug-status", "connected");
  };
  return name().transform_error(base::doing("plug NIC {}", nic.index));
}

} // namespace linstub::stubdom
