// SPDX-License-Identifier: MIT
// Disks that a running guest gets: late_disk.hpp.
#include "base/log.hpp"
#include "broker/guest_backends.hpp"
#include "broker/stub_watch.hpp"

#include <utility>

namespace linstub::broker {

using base::Deadline;
using base::Milliseconds;
using base::Result;
using xen::XenbusState;
using Phase = LateDisk::Phase;

namespace {

constexpr Milliseconds between_tries{200};
// Longer than a disk is waited for that is on its way out (leaving_disks.hpp, stubdom.cpp).
constexpr Milliseconds image_timeout{75'000};

} // namespace

Result<> GuestBackends::take_late(const BackendId &id, const std::string &name, BackendMove move) {
  if (TRY(frontend_state(id)) != XenbusState::initialising)
    return refuse(id, name + ": a driver of the guest has it from somebody else already");
  auto found = check_room().and_then([&] { return named(*move.disk); });
  auto plugged = found.and_then([&](const disk::Disk &disk) {
    move.disk = disk;
    return disks_.plug(disk);
  });
  if (!plugged && await_image(id, name, plugged.error()))
    return {};
  if (!plugged)
    return refuse(id, base::format("{}: {}", name, plugged.error().message()));
  awaited_.erase(id);
  plan_.pv_disks.push_back(*move.disk);
  Backend backend{.move = std::move(move), .name = name, .opened = true, .late = LateDisk{}};
  backend.vdev = backend.move.disk->vdev;
  // Too long for a word is what the guest has written.
  backend.trusted = xenstore_.read_if_there(frontend_path(id) + "/trusted", 16).value_or("0");
  TRY(hide(id, backend));
  backend.due = loop_.at(Deadline::after(first_hidden), [this, id] { step_late(id); });
  base::log_info("the guest gets {}", name);
  backends_.emplace(id, std::move(backend));
  plan_.pv_served = served();
  return {};
}

// xl says that a disk is out before it is out of the stub domain; who then attaches the same image
// again is right to do so.
bool GuestBackends::await_image(const BackendId &id, const std::string &name,
                                const base::Error &refusal) {
  if (refusal.code() != EBUSY || !disks_.leaving())
    return false;
  const auto [at, is_new] = awaited_.try_emplace(id, Deadline::after(image_timeout));
  if (is_new)
    base::log_info("{}: it is waited for, since a disk is on its way out: {}", name,
                   refusal.message());
  Awaited &awaited = at->second;
  if (awaited.deadline.passed())
    return false;
  awaited.next_try = loop_.at(Deadline::after(between_tries), [this] { try_again(); });
  return true;
}

void GuestBackends::try_again() {
  if (stub_)
    base::log_failure(look_for_new());
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
// the guest could have written is taken over but `trusted`, which is a word about its backend to
// its own driver: whether that gets pages with nothing else in them (blkfront takes it for 1 if it
// is not there).
Result<> GuestBackends::show(const BackendId &id, Backend &backend) {
  const std::string type =
      TRY(xenstore_.read_if_there(libxl_path(id) + "/device-type")).value_or("disk");
  xen::Xenstore::Nodes front{{"backend", stub_path(*stub_, id)},
                             {"backend-id", base::format("{}", *stub_)},
                             {"state", xen::text(XenbusState::initialising)},
                             {"virtual-device", std::to_string(id.number)},
                             {"device-type", type}};
  if (backend.trusted)
    front.emplace_back("trusted", *backend.trusted == "1" ? "1" : "0");
  auto shown = xenstore_.transaction([&]() -> Result<> {
    TRY(write_nodes(*stub_, id, backend, true));
    TRY(xenstore_.make_directory(frontend_path(id), guest_, *stub_));
    return xenstore_.write_all(frontend_path(id), front);
  });
  if (shown)
    backend.mirror.phase = Mirror::Phase::serving;
  return shown;
}

} // namespace linstub::broker
