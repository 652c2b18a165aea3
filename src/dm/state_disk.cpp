#include "dm/state_disk.hpp"

#include "base/log.hpp"
#include "dm/loop_device.hpp"
#include "wire/state_record.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>

namespace linstub::dm {
namespace {

using base::Result;
using Nodes = xen::Xenstore::Nodes;

constexpr const char *initialising = "1"; // XenbusStateInitialising (xen/io/xenbus.h)

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

// A directory that `owner` may write to and `other` read; what is made below gets the same.
Result<> make_directory(xen::Xenstore &xenstore, const std::string &path, xen::DomId owner,
                        xen::DomId other) {
  using xen::Access;
  TRY(xenstore.make_directory(path));
  const std::array permissions{xen::Permission{.domid = owner, .access = Access::none},
                               xen::Permission{.domid = other, .access = Access::read}};
  return xenstore.set_permissions(path, permissions);
}

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
               {"physical-device",
                base::format("{:x}:{:x}", ::major(status.st_rdev), ::minor(status.st_rdev))},
               {"state", initialising}};
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
      TRY(make_directory(xenstore, paths.backend, xen::dom0, stub));
      TRY(xenstore.write(paths.backend + "/frontend", paths.frontend));
      TRY(xenstore.write_all(paths.backend, nodes));
      TRY(make_directory(xenstore, paths.frontend, stub, xen::dom0));
      return xenstore.write_all(paths.frontend,
                                {{"backend", paths.backend},
                                 {"backend-id", base::format("{}", xen::dom0)},
                                 {"virtual-device", std::to_string(wire::state_disk_number)},
                                 {"device-type", "disk"},
                                 {"state", initialising}});
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
