// SPDX-License-Identifier: MIT
// Disks that a running guest gets: late_disk.hpp.
#include "base/log.hpp"
#include "broker/guest_backends.hpp"
#include "broker/stub_watch.hpp"

#include <utility>

namespace linstub::broker {

using base::Deadline;
using base::Result;
using xen::XenbusState;
using Phase = LateDisk::Phase;

Result<> GuestBackends::take_late(const BackendId &id, const std::string &name, BackendMove move) {
  if (TRY(frontend_state(id)) != XenbusState::initialising)
    return refuse(id, name + ": a driver of the guest has it from somebody else already");
  auto found = check_room().and_then([&] { return named(*move.disk); });
  auto plugged = found.and_then([&](const disk::Disk &disk) {
    move.disk = disk;
    return disks_.plug(disk);
  });
  if (!plugged)
    return refuse(id, base::format("{}: {}", name, plugged.error().message()));
  plan_.pv_disks.push_back(*move.disk);
  Backend backend{.move = std::move(move), .name = name, .opened = true, .late = LateDisk{}};
  backend.vdev = backend.move.disk->vdev;
  TRY(hide(id, backend));
  backend.due = loop_.at(Deadline::after(first_hidden), [this, id] { step_late(id); });
  base::log_info("the guest gets {}", name);
  backends_.emplace(id, std::move(backend));
  plan_.pv_served = served();
  return {};
}

void GuestBackends::step_late(const BackendId &id) {
  auto found = backends_.find(id);
  if (found == backends_.end() || !stub_)
    return;
  Backend &backend = found->second;
  backend.due.reset();
  // libxl may have taken it away again: then look() is about to find that.
  auto followed = follow_late(id, backend);
  base::log_failure(std::move(followed).transform_error(base::doing("{}", backend.name)));
}

Result<> GuestBackends::follow_late(const BackendId &id, Backend &backend) {
  const LateStep next = step(*backend.late, TRY(late_facts(id, backend)));
  if (backend.mirror.phase == Mirror::Phase::closing ||
      backend.mirror.phase == Mirror::Phase::closed)
    return {};
  const Phase before = std::exchange(*backend.late, next.disk).phase;
  if (next.pause.count() != 0)
    backend.due = loop_.at(Deadline::after(next.pause), [this, id] { step_late(id); });
  if (next.disk.phase == before)
    return {};
  switch (next.disk.phase) {
  case Phase::hidden:
    base::log_info("no driver of the guest takes {}: it is shown once more", backend.name);
    return hide(id, backend);
  case Phase::shown:
    return show(id, backend);
  case Phase::settled:
    return {};
  case Phase::failed:
    return tell_refusal(id, base::format("{}: the stub domain has not got it", backend.name));
  }
  return {};
}

Result<LateFacts> GuestBackends::late_facts(const BackendId &id, const Backend &backend) {
  const XenbusState state = TRY(frontend_state(id));
  return LateFacts{.plugged = TRY(has_disk(xenstore_, *stub_, backend.vdev)),
                   .met = state != XenbusState::unknown && state != XenbusState::initialising};
}

// From the guest; and from QEMU, which would take a frontend that is gone for one that has ended.
Result<> GuestBackends::hide(const BackendId &id, Backend &backend) {
  backend.mirror.phase = Mirror::Phase::unserved;
  return xenstore_.transaction([&]() -> Result<> {
    TRY(xenstore_.remove(frontend_path(id)));
    return xenstore_.remove(stub_path(*stub_, id));
  });
}

// As libxl would (libxl_disk.c, device_disk_add), with the stub domain for dom0. Nothing of what
// the guest could have written is taken over.
Result<> GuestBackends::show(const BackendId &id, Backend &backend) {
  const std::string type =
      TRY(xenstore_.read_if_there(libxl_path(id) + "/device-type")).value_or("disk");
  auto shown = xenstore_.transaction([&]() -> Result<> {
    TRY(write_nodes(*stub_, id, backend, true));
    TRY(xenstore_.make_directory(frontend_path(id), guest_, *stub_));
    return xenstore_.write_all(frontend_path(id), {{"backend", stub_path(*stub_, id)},
                                                   {"backend-id", base::format("{}", *stub_)},
                                                   {"state", xen::text(XenbusState::initialising)},
                                                   {"virtual-device", std::to_string(id.number)},
                                                   {"device-type", type}});
  });
  if (shown)
    backend.mirror.phase = Mirror::Phase::serving;
  return shown;
}

} // namespace linstub::broker
