// SPDX-License-Identifier: MIT
#include "stubdom/removal.hpp"

#include "base/log.hpp"
#include "disk/loop_device.hpp"

#include <unistd.h>

namespace linstub::stubdom {
namespace {

using base::Deadline;
using base::Result;

constexpr const char *backends = "/local/domain/0/backend";
constexpr useconds_t between_looks = 100'000;

void log(const Result<> &done) { base::log_failure(done, base::LogLevel::warning); }

// The directories of its backends that are there, of all kinds.
Result<std::vector<std::string>> backends_of(xen::DomId domid, xen::Xenstore &xenstore) {
  std::vector<std::string> all;
  for (const std::string &kind : TRY(xenstore.list_if_there(backends))) {
    std::string directory = base::format("{}/{}/{}", backends, kind, domid);
    if (TRY(xenstore.read_if_there(directory)))
      all.push_back(std::move(directory));
  }
  return all;
}

// The kernel's backends close their devices when their nodes go.
Result<> remove_backends(xen::DomId domid, xen::Xenstore &xenstore) {
  for (const std::string &directory : TRY(backends_of(domid, xenstore)))
    TRY(xenstore.remove(directory));
  return {};
}

Result<> remove_nodes(xen::DomId domid, const Belongings &belongings, xen::Xenstore &xenstore) {
  TRY(remove_backends(domid, xenstore));
  if (!belongings.vm.empty())
    TRY(xenstore.remove(belongings.vm));
  TRY(xenstore.remove(xen::domain_path(domid)));
  return xenstore.remove(base::format("/libxl/{}", domid));
}

Result<> destroy_by_force(xen::DomId domid, xen::Control &control, Deadline deadline) {
  for (;;) {
    auto done = control.destroy(domid);
    if (TRY(is_gone(domid, control)))
      return {};
    if (deadline.passed())
      return base::fail("domain {} lives on, whatever is tried{}{}", domid, done ? "" : ": ",
                        done ? "" : done.error().message());
    ::usleep(between_looks);
  }
}

// A loop device that its backend still has open goes when it is closed.
void remove_loops(const Belongings &belongings) {
  for (const Belongings::Loop &loop : belongings.loops) {
    auto use = disk::loop_use(loop.device);
    if (!use || *use != loop.use)
      continue;
    base::log_debug("{} is still there", loop.device);
    log(disk::remove_loop(loop.device));
  }
}

} // namespace

Result<Belongings> Belongings::of(xen::DomId domid, xen::Xenstore &xenstore) {
  Belongings all;
  all.vm = TRY(xenstore.read_if_there(xen::domain_path(domid) + "/vm", 128)).value_or("");
  if (!all.vm.starts_with("/vm/"))
    all.vm.clear();
  const std::string disks = base::format("{}/vbd/{}", backends, domid);
  for (const std::string &disk : TRY(xenstore.list_if_there(disks))) {
    auto device = TRY(xenstore.read_if_there(base::format("{}/{}/node", disks, disk), 256));
    if (!device)
      continue; // a block device
    auto use = disk::loop_use(*device);
    if (use && *use)
      all.loops.push_back({.device = *device, .use = **use});
  }
  return all;
}

Result<bool> is_gone(xen::DomId domid, xen::Control &control) {
  auto info = TRY(control.info(domid));
  return !info || info->dying;
}

Result<> remove_domain(xen::DomId domid, const Belongings &belongings, xen::Control &control,
                       xen::Xenstore &xenstore, const DestroyByLibxl &destroy,
                       const RemovalTimes &times) {
  bool gone = TRY(is_gone(domid, control));
  if (!gone)
    log(control.pause(domid));
  for (base::Milliseconds time : {times.first, times.second}) {
    if (gone)
      break;
    auto destroyed = destroy(domid, Deadline::after(time));
    gone = TRY(is_gone(domid, control));
    if (!gone)
      base::log_warning("destroy stub domain {}: {}", domid,
                        destroyed ? "it is still there" : destroyed.error().message());
  }
  if (!gone) {
    log(remove_nodes(domid, belongings, xenstore));
    TRY(destroy_by_force(domid, control, Deadline::after(times.last)));
    base::log_warning("stub domain {} was destroyed by Xen alone", domid);
  }
  log(remove_backends(domid, xenstore));
  remove_loops(belongings);
  return {};
}

} // namespace linstub::stubdom
