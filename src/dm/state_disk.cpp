#include "dm/state_disk.hpp"

#include "base/log.hpp"
#include "dm/loop_device.hpp"
#include "wire/state_record.hpp"
#include "xen/xenbus.hpp"

#include <sys/stat.h>

namespace linstub::dm {
namespace {

using base::Result;
using Nodes = xen::Xenstore::Nodes;

struct Paths {
  std::string frontend;
  std::string backend;
  std::string toolstack; // what libxl knows a device by

  explicit Paths(xen::DomId stub)
      : frontend(base::format("{}/device/vbd/{}", xen::domain_path(stub), wire::state_disk_number)),
        backend(base::format("{}/backend/vbd/{}/{}", xen::domain_path(xen::dom0), stub,
                             wire::state_disk_number)),
        toolstack(base::format("/libxl/{}/device/vbd/{}", stub, wire::state_disk_number)) {}
};

Result<Nodes> backend_nodes(xen::DomId stub, const std::string &file, const std::string &loop,
                            const std::string &hotplug) {
  struct stat status{};
  if (::stat(loop.c_str(), &status) != 0)
    return base::fail_errno(errno, "find {}", loop);
  return Nodes{{"params", file},
               {"script", hotplug},
               {"frontend-id", base::format("{}", stub)},
               {"online", "1"},
               {"removable", "1"},
               {"bootable", "0"},
               {"dev", wire::state_disk},
               {"type", "phy"},
               {"mode", "w"},
               {"device-type", "disk"},
               {"discard-enable", "0"},
               {"node", loop},
               {"hotplug-status", "connected"},
               // What xen-blkback waits for: it watches the node.
               {"physical-device", physical_device(status.st_rdev)},
               {"state", std::to_string(xen::xenbus_new)}};
}

} // namespace

Result<> plug_state_disk(xen::Xenstore &xenstore, xen::DomId stub, const std::string &file,
                         const std::string &hotplug) {
  const Paths paths(stub);
  const std::string loop = TRY(make_loop(file, LoopAccess::read_write));
  auto plug = [&]() -> Result<> {
    const Nodes nodes = TRY(backend_nodes(stub, file, loop, hotplug));
    return xenstore.transaction([&]() -> Result<> {
      if (TRY(xenstore.read_if_there(paths.toolstack + "/backend")))
        return base::fail("the one of an earlier save is still there");
      TRY(xenstore.write_all(paths.toolstack,
                             {{"frontend", paths.frontend}, {"backend", paths.backend}}));
      TRY(xenstore.write_all(paths.toolstack, nodes));
      TRY(xenstore.make_directory(paths.backend, xen::dom0, stub));
      TRY(xenstore.write(paths.backend + "/frontend", paths.frontend));
      TRY(xenstore.write_all(paths.backend, nodes));
      TRY(xenstore.make_directory(paths.frontend, stub, xen::dom0));
      return xenstore.write_all(paths.frontend,
                                {{"backend", paths.backend},
                                 {"backend-id", base::format("{}", xen::dom0)},
                                 {"virtual-device", std::to_string(wire::state_disk_number)},
                                 {"device-type", "disk"},
                                 {"state", std::to_string(xen::xenbus_new)}});
    });
  };
  auto plugged = plug();
  if (!plugged) {
    if (auto removed = remove_loop(loop); !removed)
      base::log_warning("{}", removed.error().message());
  }
  return plugged.transform_error(base::doing("plug the state disk"));
}

} // namespace linstub::dm
