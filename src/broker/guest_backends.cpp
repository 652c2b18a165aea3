// SPDX-License-Identifier: MIT
#include "broker/guest_backends.hpp"

#include "base/log.hpp"
#include "disk/disk_image.hpp"
#include "plan/consoles.hpp"
#include "plan/drives.hpp"

#include <algorithm>
#include <utility>

namespace linstub::broker {
namespace {

using base::Result;
using xen::XenbusState;
using Phase = Mirror::Phase;

constexpr size_t most_backends = 64; // of one kind
constexpr size_t longest_node = 64;  // of what may be hostile

std::string backend_path(xen::DomId owner, xen::DomId guest, const BackendId &id) {
  return base::format("{}/backend/{}/{}/{}", xen::domain_path(owner), id.kind, guest,
                      std::to_string(id.number));
}

std::string name_of(const BackendId &id, const BackendNodes &nodes) {
  auto dev = nodes.find("dev");
  if (dev != nodes.end())
    return "disk " + dev->second;
  auto name = nodes.find("name");
  return name != nodes.end() ? "channel " + name->second
                             : base::format("{} {}", id.kind, std::to_string(id.number));
}

} // namespace

std::string GuestBackends::libxl_path(const BackendId &id) const {
  return backend_path(xen::dom0, guest_, id);
}

std::string GuestBackends::stub_path(xen::DomId stub, const BackendId &id) const {
  return backend_path(stub, guest_, id);
}

std::string GuestBackends::frontend_path(const BackendId &id) const {
  return base::format("{}/device/{}/{}", xen::domain_path(guest_), device_of(id.kind),
                      std::to_string(id.number));
}

// --- Before there is a stub domain ---------------------------------------------------------------

Result<std::vector<BackendId>> GuestBackends::listed() {
  std::vector<BackendId> ids;
  for (const std::string_view kind : backend_kinds()) {
    const std::string directory =
        base::format("{}/backend/{}/{}", xen::domain_path(xen::dom0), kind, guest_);
    for (const std::string &number : TRY(xenstore_.list_if_there(directory, most_backends))) {
      const uint64_t parsed =
          TRY(xen::parse_number(number, UINT32_MAX).transform_error(base::doing("{}", directory)));
      if (BackendId id{.kind = std::string(kind), .number = static_cast<uint32_t>(parsed)};
          is_of_device_model(id))
        ids.push_back(std::move(id));
    }
  }
  return ids;
}

Result<BackendNodes> GuestBackends::nodes_of(const BackendId &id) {
  BackendNodes nodes;
  const std::string directory = libxl_path(id);
  for (const std::string &name : TRY(xenstore_.list_if_there(directory))) {
    if (auto value = TRY(xenstore_.read_if_there(base::format("{}/{}", directory, name))))
      nodes.emplace(name, std::move(*value));
  }
  return nodes;
}

Result<> GuestBackends::find() {
  for (const BackendId &id : TRY(listed())) {
    const BackendNodes nodes = TRY(nodes_of(id));
    auto move = TRY(plan_backend(id, nodes));
    Backend backend{.name = name_of(id, nodes)};
    if (move) {
      backend.move = std::move(*move);
      if (backend.move.disk) {
        TRY(check_room().transform_error(base::doing("{}", backend.name)));
        backend.vdev =
            TRY(disk_for(*backend.move.disk).transform_error(base::doing("{}", backend.name)));
      }
    }
    backends_.emplace(id, std::move(backend));
  }
  plan_.pv_served = served();
  for (const std::string_view kind : backend_kinds())
    TRY(xenstore_.watch(base::format("{}/backend/{}/{}", xen::domain_path(xen::dom0), kind, guest_),
                        token));
  return {};
}

uint32_t GuestBackends::served() const {
  return static_cast<uint32_t>(std::ranges::count_if(
      backends_, [](const auto &one) { return one.second.move.disk.has_value(); }));
}

Result<> GuestBackends::check_room() const {
  if (served() < most_served_disks)
    return {};
  return base::fail("a stub domain serves at most {} disks to PV drivers: convert images to raw, "
                    "which dom0's blkback serves, or give them to another guest",
                    most_served_disks);
}

// The disk of the stub domain that has the image: an emulated drive's, or one of its own.
Result<std::string> GuestBackends::disk_for(disk::Disk disk) {
  for (const disk::Disk &other : plan::disks_of(plan_)) {
    const bool taken = std::ranges::any_of(
        backends_, [&](const auto &one) { return one.second.vdev == other.vdev; });
    const bool own = plan_.tpm && plan_.tpm->vdev == other.vdev;
    if (!taken && !own && other.path == disk.path && other.format == disk.format &&
        other.mode == disk.mode)
      return other.vdev;
  }
  plan_.pv_disks.push_back(TRY(named(std::move(disk))));
  return plan_.pv_disks.back().vdev;
}

// One of its own.
Result<disk::Disk> GuestBackends::named(disk::Disk disk) {
  TRY(disk::prepare_disk(disk, plan_.settings.largest_disk));
  disk.vdev = TRY(new_name());
  return disk;
}

// No name comes again before all have been there: Linux does not see that a frontend has gone if
// one of the same number is there before it looks, and never uses the new one
// (drivers/xen/xenbus/xenbus_probe.c, xenbus_dev_changed()).
Result<std::string> GuestBackends::new_name() {
  auto name = disks_.name(left_names_);
  if (name || left_names_.empty())
    return name;
  left_names_.clear();
  return disks_.name(left_names_);
}

// --- Into a stub domain --------------------------------------------------------------------------

Result<> GuestBackends::move(xen::DomId stub) {
  forget();
  stub_ = stub;
  left_names_.clear();
  for (auto &[id, backend] : backends_) {
    backend.mirror = {};
    backend.opened = false;
    if (!TRY(is_unmet(id, backend)))
      continue;
    // A next stub domain has it already.
    const bool prepared = TRY(xenstore_.read_if_there(stub_path(stub, id) + "/online")).has_value();
    auto moved = prepared ? Result<>() : make(stub, id, backend);
    if (moved)
      moved = lead_to(stub, id, backend);
    TRY(std::move(moved).transform_error(base::doing("move the backend of {}", backend.name)));
    backend.mirror.phase = Phase::serving;
  }
  return xenstore_.watch(xen::domain_path(stub) + "/backend", token);
}

Result<> GuestBackends::prepare(xen::DomId next) {
  for (const auto &[id, backend] : backends_) {
    if (TRY(is_unmet(id, backend)))
      TRY(make(next, id, backend)
              .transform_error(base::doing("prepare the backend of {}", backend.name)));
  }
  return {};
}

// A driver does not look for another backend than the one that it has met.
Result<bool> GuestBackends::is_unmet(const BackendId &id, const Backend &backend) {
  if (backend.move.device.empty())
    return false;
  const bool unmet = TRY(frontend_state(id)) == XenbusState::initialising;
  if (!unmet)
    base::log_info("the guest's {} gets no other backend: its driver knows one", backend.name);
  return unmet;
}

Result<> GuestBackends::make(xen::DomId stub, const BackendId &id, const Backend &backend) {
  return xenstore_.transaction([&] { return write_nodes(stub, id, backend, false); });
}

Result<> GuestBackends::write_nodes(xen::DomId stub, const BackendId &id, const Backend &backend,
                                    bool online) {
  const std::string path = stub_path(stub, id);
  xen::Xenstore::Nodes nodes = backend.move.nodes;
  nodes.insert(nodes.end(), {{"frontend", frontend_path(id)},
                             {"frontend-id", base::format("{}", guest_)},
                             {"state", xen::text(XenbusState::initialising)},
                             {"online", online ? "1" : "0"}});
  if (backend.move.disk)
    nodes.emplace_back(
        "params",
        base::format("{}:/dev/{}", disk::format_name(backend.move.disk->format), backend.vdev));
  TRY(xenstore_.make_directory(path, stub, guest_));
  return xenstore_.write_all(path, nodes);
}

// A disk is brought online by linstub-init.
Result<> GuestBackends::lead_to(xen::DomId stub, const BackendId &id, const Backend &backend) {
  const std::string path = stub_path(stub, id);
  return xenstore_.transaction([&]() -> Result<> {
    if (!backend.move.disk)
      TRY(xenstore_.write(path + "/online", "1"));
    xen::Xenstore::Nodes nodes{{"backend", path}, {"backend-id", base::format("{}", stub)}};
    std::ranges::move(console_nodes(id), std::back_inserter(nodes));
    return xenstore_.write_all(frontend_path(id), nodes);
  });
}

// What its frontend's nodes say of dom0's end: QEMU goes by the one (hw/char/xen_console.c), and
// `xl channel-list` by the other. Under QEMU in dom0 a pty is made by it, which here has the socket
// of a line.
xen::Xenstore::Nodes GuestBackends::console_nodes(const BackendId &id) const {
  const auto console = std::ranges::find(plan_.consoles, id.number, &plan::PvConsole::number);
  if (id.kind != "console" || console == plan_.consoles.end())
    return {};
  xen::Xenstore::Nodes nodes{
      {"output", base::format("chardev:{}", plan::channel_id(console->number))}};
  if (console->port.kind == plan::SerialKind::pty)
    nodes.emplace_back("tty", console->port.path);
  return nodes;
}

void GuestBackends::forget() {
  for (auto &[id, backend] : backends_)
    backend.due.reset();
  awaited_.clear();
  if (auto stub = std::exchange(stub_, std::nullopt))
    base::log_failure(xenstore_.unwatch(xen::domain_path(*stub) + "/backend", token),
                      base::LogLevel::warning);
}

Result<> GuestBackends::can_be_replaced() {
  if (!lost_.empty())
    return base::fail("the guest's {} was detached, and another stub domain would have it again",
                      lost_);
  if (!awaited_.empty())
    return base::fail("the guest is just getting a disk: try again");
  for (const auto &[id, backend] : backends_) {
    if (!backend.move.needed || backend.mirror.phase == Phase::closed)
      continue;
    if (backend.due)
      return base::fail("the guest is just getting {}: try again", backend.name);
    const XenbusState state = TRY(frontend_state(id));
    if (state != XenbusState::unknown && state != XenbusState::initialising &&
        state != XenbusState::closed)
      return std::unexpected(base::Error(
          base::format("the guest's PV driver has {} from this stub domain, and would lose it with "
                       "it: `linstub upgrade --migrate` has the driver connect anew; so do a save "
                       "and a restore, and a restart",
                       backend.name),
          frontend_connected));
  }
  return {};
}

// --- While the guest runs ------------------------------------------------------------------------

Result<XenbusState> GuestBackends::frontend_state(const BackendId &id) {
  return xen::read_xenbus_state(xenstore_, frontend_path(id) + "/state");
}

Result<std::optional<BackendPair::Libxl>> GuestBackends::libxl_side(const BackendId &id) {
  const std::string path = libxl_path(id);
  if (!TRY(xenstore_.read_if_there(path)))
    return std::nullopt;
  auto online = TRY(xenstore_.read_if_there(path + "/online", longest_node));
  return BackendPair::Libxl{.state = TRY(xen::read_xenbus_state(xenstore_, path + "/state")),
                            .online = online != "0"};
}

Result<std::optional<BackendPair::Stub>> GuestBackends::stub_side(const BackendId &id) {
  const std::string path = stub_path(*stub_, id);
  // Whatever it has written into the node itself is of no interest.
  auto there = xenstore_.read_if_there(path, longest_node);
  if (there && !*there)
    return std::nullopt;
  if (!there && there.error().code() != EMSGSIZE)
    return std::unexpected(std::move(there).error());
  auto online = xenstore_.read_if_there(path + "/online", longest_node);
  return BackendPair::Stub{.state = TRY(xen::read_xenbus_state(xenstore_, path + "/state")),
                           .opened = online && *online && **online == "1"};
}

Result<> GuestBackends::look() {
  if (!stub_)
    return {};
  for (auto at = backends_.begin(); at != backends_.end();) {
    auto &[id, backend] = *at;
    TRY(look_at(id, backend).transform_error(base::doing("backend of {}", backend.name)));
    if (backend.gone) {
      take_out(backend);
      at = backends_.erase(at);
      plan_.pv_served = served();
    } else {
      at++;
    }
  }
  return look_for_new();
}

Result<> GuestBackends::look_at(const BackendId &id, Backend &backend) {
  BackendPair pair{.libxl = TRY(libxl_side(id)), .stub = std::nullopt};
  if (backend.mirror.phase != Phase::unserved)
    pair.stub = TRY(stub_side(id));
  if (pair.stub && backend.mirror.phase == Phase::serving)
    backend.opened = pair.stub->opened;
  const MirrorStep next = step(backend.mirror, pair);
  // What libxl has written meanwhile is looked at next time.
  if (next.tell && !TRY(tell(id, *pair.libxl, *next.tell)))
    return {};
  if (next.close)
    TRY(xenstore_.write_all(stub_path(*stub_, id),
                            {{"online", "0"}, {"state", xen::text(XenbusState::closing)}}));
  if (next.take_away)
    TRY(xenstore_.remove(stub_path(*stub_, id)));
  if (next.mirror != backend.mirror)
    base::log_debug("backend of {}: state {}", backend.name, xen::text(next.mirror.told));
  backend.mirror = next.mirror;
  backend.gone = next.gone;
  return {};
}

// False if libxl's node is not any more as it was seen.
Result<bool> GuestBackends::tell(const BackendId &id, const BackendPair::Libxl &seen,
                                 XenbusState state) {
  bool told = false;
  auto done = xenstore_.transaction([&]() -> Result<> {
    told = TRY(libxl_side(id)) == seen;
    return told ? xenstore_.write(libxl_path(id) + "/state", xen::text(state)) : Result<>();
  });
  return done.transform([&] { return told; });
}

// libxl has taken the device away. A disk that an emulated drive still has stays: whether it has,
// is the stub domain's word; and so that is asked of such a disk only.
void GuestBackends::take_out(const Backend &backend) {
  base::log_info("the guest's {} was detached", backend.name);
  const bool own = std::ranges::contains(plan_.pv_disks, backend.vdev, &disk::Disk::vdev);
  if (!backend.move.disk || (!own && !backend.opened))
    return;
  if (!own)
    lost_ = backend.name;
  disks_.unplug(backend.vdev, [this, vdev = backend.vdev](const Result<> &unplugged) {
    base::log_failure(unplugged, base::LogLevel::warning);
    if (!unplugged)
      return;
    std::erase_if(plan_.pv_disks, [&](const disk::Disk &disk) { return disk.vdev == vdev; });
    left_names_.insert(vdev);
  });
}

Result<> GuestBackends::look_for_new() {
  const std::vector<BackendId> ids = TRY(listed());
  std::erase_if(refused_, [&](const BackendId &id) { return !std::ranges::contains(ids, id); });
  std::erase_if(awaited_, [&](const auto &one) { return !std::ranges::contains(ids, one.first); });
  for (const BackendId &id : ids) {
    if (!backends_.contains(id) && !refused_.contains(id))
      TRY(look_at_new(id));
  }
  return {};
}

Result<> GuestBackends::look_at_new(const BackendId &id) {
  const BackendNodes nodes = TRY(nodes_of(id));
  if (nodes.empty()) // on its way out
    return {};
  auto move = plan_backend(id, nodes);
  if (!move)
    return refuse(id, move.error().message());
  const std::string name = name_of(id, nodes);
  if (*move && (*move)->disk)
    return take_late(id, name, std::move(**move));
  if (*move)
    return refuse(id, name + ": it can be served from the guest's start on only: put it into the "
                             "guest's configuration");
  backends_.emplace(id, Backend{.name = name});
  return {};
}

// libxl does not wait for a backend that is QEMU's: so there is nobody to be told but by a state,
// and people by the log and the node that hotplug scripts use for it.
Result<> GuestBackends::refuse(const BackendId &id, const std::string &why) {
  base::log_warning("{}", why);
  refused_.insert(id);
  awaited_.erase(id);
  return tell_refusal(id, why);
}

Result<> GuestBackends::tell_refusal(const BackendId &id, const std::string &why) {
  return xenstore_.write_all(libxl_path(id),
                             {{"hotplug-error", why}, {"state", xen::text(XenbusState::closed)}});
}

} // namespace linstub::broker
