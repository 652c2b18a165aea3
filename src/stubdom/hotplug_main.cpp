// linstub-hotplug: the hotplug script of a stub domain's devices, run by libxl.
//
// Disks: as Xen's own block script, a loop device for a file, but without its check that nobody
// else uses the image: the guest itself does, by design, and the guest's own vbd has been checked.
// Network interfaces: named as libxl asks and left down; the hotplug script that libxl runs for the
// guest's tap finds it under that name, puts it where it belongs (bridge, Open vSwitch, route) and
// brings it up. So every kind of networking that the user has scripts for works.
//
// libxl's contract (libxl_linux.c, docs/misc/block-scripts.txt): argument "add" or "remove" for a
// disk, "online" or "offline" for an interface; XENBUS_PATH names the backend's directory in
// xenstore, vif the interface. On success hotplug-status becomes "connected", else the sentence
// goes to hotplug-error, which libxl prints.
#include "base/fd.hpp"
#include "base/log.hpp"
#include "disk/loop_device.hpp"
#include "sys/netlink.hpp"
#include "xen/xenstore.hpp"

#include <net/if.h>
#include <stdlib.h>

#include <array>

using namespace linstub;

namespace {

std::string environment(const char *name) {
  const char *value = ::getenv(name);
  return value != nullptr ? value : "";
}

struct Backend {
  xen::Xenstore xenstore;
  std::string path;

  base::Result<std::string> read(std::string_view node) {
    return xenstore.read(std::format("{}/{}", path, node));
  }
  base::Result<> write(std::string_view node, std::string_view value) {
    return xenstore.write(std::format("{}/{}", path, node), value);
  }
};

base::Result<> add_disk(Backend &backend) {
  std::string image = TRY(backend.read("params"));
  auto access = TRY(backend.read("mode")).starts_with('w') ? disk::LoopAccess::read_write
                                                           : disk::LoopAccess::read_only;
  const disk::BlockDevice device = TRY(disk::block_device_of(image, access));
  if (device.loop)
    TRY(backend.write("node", device.path));
  TRY(backend.write("physical-device", disk::physical_device(device.number)));
  TRY(backend.write("physical-device-path", device.path));
  return backend.write("hotplug-status", "connected");
}

base::Result<> remove_disk(Backend &backend) {
  auto device = backend.read("node");
  if (!device)
    return {}; // a block device, or add did not get that far
  return disk::remove_loop(*device);
}

base::Result<> add_interface(Backend &backend) {
  std::string interface = environment("vif");
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
  std::string_view type; // XENBUS_TYPE
  std::string_view command;
  base::Result<> (*run)(Backend &backend);
};
constexpr std::array<Action, 4> actions{{
    {"vbd", "add", add_disk},
    {"vbd", "remove", remove_disk},
    {"vif", "online", add_interface},
    {"vif", "offline", remove_interface},
}};

base::Result<> run(std::string_view command) {
  Backend backend{.xenstore = TRY(xen::Xenstore::connect()), .path = environment("XENBUS_PATH")};
  std::string type = environment("XENBUS_TYPE");
  for (const Action &action : actions) {
    if (action.type != type || action.command != command)
      continue;
    auto done = action.run(backend);
    if (!done) {
      [[maybe_unused]] auto told = backend.write("hotplug-error", done.error().message());
      [[maybe_unused]] auto set = backend.write("hotplug-status", "error");
    }
    return done;
  }
  return base::fail("linstub-hotplug is run by libxl: nothing to do for {} of a {}", command, type);
}

} // namespace

int main(int argc, char **argv) {
  base::set_log("linstub-hotplug", base::LogLevel::info);
  auto done = run(argc > 1 ? argv[1] : "");
  if (!done)
    base::log_error("{}", done.error().message());
  return done ? 0 : 1;
}
