// SPDX-License-Identifier: MIT
#include "xen/pv_device.hpp"

#include "xen/xenbus.hpp"

namespace linstub::xen {
namespace {

std::string frontend_path(const PvDevice &device) {
  return base::format("{}/device/{}/{}", domain_path(device.domid), device.kind, device.number);
}

// What libxl knows a device by.
std::string toolstack_path(const PvDevice &device) {
  return base::format("/libxl/{}/device/{}/{}", device.domid, device.kind, device.number);
}

} // namespace

std::string backend_path(const PvDevice &device) {
  return base::format("{}/backend/{}/{}/{}", domain_path(dom0), device.kind, device.domid,
                      device.number);
}

base::Result<> plug_device(Xenstore &xenstore, const PvDevice &device) {
  const std::string frontend = frontend_path(device);
  const std::string backend = backend_path(device);
  const std::string toolstack = toolstack_path(device);
  Xenstore::Nodes of_backend{{"frontend-id", base::format("{}", device.domid)},
                             {"online", "1"},
                             {"state", text(XenbusState::initialising)}};
  of_backend.insert(of_backend.end(), device.backend.begin(), device.backend.end());
  Xenstore::Nodes of_frontend{{"backend", backend},
                              {"backend-id", base::format("{}", dom0)},
                              {"state", text(XenbusState::initialising)}};
  of_frontend.insert(of_frontend.end(), device.frontend.begin(), device.frontend.end());
  return xenstore.transaction([&]() -> base::Result<> {
    if (TRY(xenstore.read_if_there(toolstack + "/backend")))
      return base::fail("a former one is still there");
    TRY(xenstore.write_all(toolstack, {{"frontend", frontend}, {"backend", backend}}));
    TRY(xenstore.write_all(toolstack, of_backend));
    TRY(xenstore.make_directory(backend, dom0, device.domid));
    TRY(xenstore.write(backend + "/frontend", frontend));
    TRY(xenstore.write_all(backend, of_backend));
    TRY(xenstore.make_directory(frontend, device.domid, dom0));
    return xenstore.write_all(frontend, of_frontend);
  });
}

} // namespace linstub::xen
