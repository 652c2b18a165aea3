// SPDX-License-Identifier: MIT
#include "stubdom/hotplug.hpp"

#include "disk/loop_device.hpp"
#include "sys/netlink.hpp"

#include <net/if.h>

#include <array>

namespace linstub::stubdom {
namespace {

struct Backend {
  xen::Xenstore &xenstore;
  const HotplugDevice &device;

  base::Result<std::string> read(std::string_view node) {
    return xenstore.read(base::format("{}/{}", device.backend, node));
  }
  base::Result<> write(std::string_view node, std::string_view value) {
    return xenstore.write(base::format("{}/{}", device.backend, node), value);
  }
};

base::Result<> remove_disk(Backend &backend) {
  auto device = backend.read("node");
  if (!device)
    return {}; // a block device
  return disk::remove_loop(*device);
}

base::Result<> add_interface(Backend &backend) {
  const std::string &interface = backend.device.interface;
  std::string name = TRY(backend.read("vifname"));
  sys::Route route = TRY(sys::Route::open());
  unsigned index = ::if_nametoindex(interface.c_str());
  if (index == 0)
    return base::fail("the network interface {} is not there", interface);
  TRY(route.rename(index, name));
  return backend.write("hotplug-status", "connected");
}

base::Result<> remove_interface(Backend &) { return {}; } // it goes with the domain

struct Action {
  std::string_view type;
  std::string_view command;
  base::Result<> (*run)(Backend &backend);
};
constexpr std::array<Action, 3> actions{{
    {"vbd", "remove", remove_disk},
    {"vif", "online", add_interface},
    {"vif", "offline", remove_interface},
}};

} // namespace

base::Result<> hotplug(xen::Xenstore &xenstore, const HotplugDevice &device,
                       std::string_view command) {
  Backend backend{.xenstore = xenstore, .device = device};
  for (const Action &action : actions) {
    if (action.type != device.type || action.command != command)
      continue;
    auto done = action.run(backend);
    if (!done) {
      [[maybe_unused]] auto told = backend.write("hotplug-error", done.error().message());
      [[maybe_unused]] auto set = backend.write("hotplug-status", "error");
    }
    return done;
  }
  return base::fail("linstub-hotplug is run by libxl: nothing to do for {} of a {}", command,
                    device.type);
}

} // namespace linstub::stubdom
