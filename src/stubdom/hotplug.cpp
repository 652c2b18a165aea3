// SPDX-License-Identifier: MIT
#include "stubdom/hotplug.hpp"

#include "disk/loop_device.hpp"

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

base::Result<> remove_interface(Backend &) { return {}; } // it goes with the domain

struct Action {
  std::string_view type;
  std::string_view command;
  base::Result<> (*run)(Backend &backend);
};
constexpr std::array<Action, 2> actions{{
    {"vbd", "remove", remove_disk},
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
