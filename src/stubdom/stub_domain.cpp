// SPDX-License-Identifier: MIT
#include "stubdom/stub_domain.hpp"

#include "base/backoff.hpp"
#include "base/deadline.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "disk/disk_plug.hpp"
#include "pci/pci_backend.hpp"
#include "pci/pci_release.hpp"
#include "run/directory.hpp"
#include "run/status.hpp"
#include "stubdom/ownership.hpp"
#include "stubdom/removal.hpp"
#include "stubdom/tap_script.hpp"
#include "wire/frame.hpp"
#include "wire/paths.hpp"
#include "wire/state_record.hpp"
#include "xen/departure.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace linstub::stubdom {
namespace {

using base::Deadline;
using base::Milliseconds;
using base::Result;

constexpr Milliseconds name_timeout{25'000};
constexpr Milliseconds other_destruction_timeout{40'000};
constexpr Milliseconds between_looks{100};
// The kernel, the hypervisor's tables and the grant and event pages of a small PV domain.
constexpr uint32_t overhead = 4; // MiB
// Of a PVH domain: Xen's tables of its memory and of what it maps, 2 MiB for each GiB.
constexpr uint32_t paging_memory = 4; // MiB

// Of a stub domain that is to replace another one, as long as that is there.
std::string first_name(const plan::Description &description) {
  return description.role == plan::Role::next ? description.name + "-next" : description.name;
}

std::string first_interface(const plan::Description &description, const plan::Nic &nic) {
  return description.role == plan::Role::next ? next_interface(description.guest, nic)
                                              : nic.interface;
}

void sleep_for(Milliseconds time) {
  ::usleep(static_cast<useconds_t>(std::chrono::microseconds(time).count()));
}

// libxl cannot be told to stop waiting; a process can be ended. This same program, with "end
// DOMID". It ends with this one, which would be followed by another.
Result<> destroy_by_libxl(xen::DomId domid, Deadline deadline) {
  base::Command command{.argv = {"/proc/self/exe", "end", base::format("{}", domid)}};
  command.before_exec = [] { return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 ? 0 : errno; };
  base::Child child = TRY(base::start(command));
  auto ended = TRY(child.wait(deadline));
  if (!ended.success())
    return base::fail("libxl could not ({})", ended.text());
  return {};
}

} // namespace

Result<StubDomains> StubDomains::open() {
  auto toolstack = TRY(xen::Toolstack::open());
  auto control = TRY(xen::Control::open());
  auto xenstore = TRY(xen::Xenstore::connect());
  return StubDomains(std::move(toolstack), std::move(control), std::move(xenstore));
}

Result<xen::DomId> StubDomains::create(const plan::Description &description,
                                       const std::string &hotplug) {
  const std::string name = first_name(description);
  TRY(wait_for_name(name));
  const uint32_t paging = description.type == xen::DomainType::pvh ? paging_memory : 0;
  TRY(toolstack_.make_room(description.memory + overhead + paging, description.guest));
  const xen::Uuid uuid = TRY(announce_stub_domain(description.guest));
  xen::DomId domid = TRY(toolstack_.create(
      {.type = description.type,
       .name = name,
       .uuid = uuid,
       .kernel = description.kernel,
       .ramdisk = description.ramdisk,
       .command_line = description.command_line,
       .memory = description.memory,
       .paging_memory = paging,
       .limits = description.limits,
       .nodes = {{wire::owner_node, std::to_string(xen::number(description.guest))}}}));
  auto finish = [&]() -> Result<> {
    TRY(prepare(domid, description));
    if (control_.can_have_pci(description.guest))
      TRY(pci::PciBackend(xenstore_, domid).open());
    TRY(attach(domid, description, hotplug));
    TRY(toolstack_.unlist(domid));
    return toolstack_.unpause(domid);
  };
  if (auto done = finish(); !done) {
    base::log_failure(remove(domid)); // what is returned is the cause
    return std::unexpected(std::move(done).error());
  }
  return domid;
}

// After a reboot the stub domain of the guest's former life may still be on its way out.
Result<> StubDomains::wait_for_name(const std::string &name) {
  Deadline deadline = Deadline::after(name_timeout);
  while (auto other = TRY(toolstack_.find(name))) {
    std::string owner = base::format("{}/{}", xen::domain_path(*other), wire::owner_node);
    auto guest = TRY(xenstore_.read_if_there(owner, 16));
    if (!guest)
      return base::fail("a domain named {} exists already (domain {}), and is no stub domain: "
                        "rename it",
                        name, *other);
    auto old_guest = xen::parse_domid(*guest);
    // One whose guest is gone and whose device model does not end it is ours to end.
    if (deadline.left() < name_timeout / 2 && old_guest && !TRY(control_.info(*old_guest)))
      base::log_failure(remove(*other), base::LogLevel::warning);
    if (deadline.passed())
      return base::fail("the stub domain {} of a former guest {} does not end: xl destroy {}", name,
                        *guest, *other);
    sleep_for(between_looks);
  }
  return {};
}

Result<> StubDomains::prepare(xen::DomId domid, const plan::Description &description) {
  xen::DomId guest = description.guest;
  TRY(control_.set_target(domid, guest));
  TRY(xenstore_.set_target(domid, guest));
  std::string home = xen::domain_path(domid);
  std::string vm = TRY(xenstore_.read(home + "/vm", 128));
  return xenstore_.transaction([&]() -> Result<> {
    auto write = [&](const std::string &node, std::string_view value) {
      return xenstore_.write(base::format("{}/{}", home, node), value);
    };
    // The stub domain's kernel reads this once, when it finds xenstore.
    TRY(write("target", base::format("{}", guest)));
    TRY(write(wire::version_node, std::to_string(wire::protocol_version)));
    TRY(write(wire::log_level_node, description.log_level));
    for (size_t i = 0; i < description.files.size(); i++) {
      const wire::CopiedFile &file = description.files[i];
      TRY(write(base::format("{}/{}/device", wire::files_node, i), file.device));
      TRY(write(base::format("{}/{}/size", wire::files_node, i), std::to_string(file.size)));
      TRY(write(base::format("{}/{}/path", wire::files_node, i), file.path));
    }
    for (size_t i = 0; i < description.arguments.size(); i++)
      TRY(xenstore_.write(base::format("{}/image/dm-argv/{:03}", vm, i + 1),
                          description.arguments[i]));
    // QEMU says "running" below this.
    return xenstore_.make_directory(base::format("{}/device-model/{}", home, guest), domid, guest);
  });
}

Result<> StubDomains::attach(xen::DomId domid, const plan::Description &description,
                             const std::string &hotplug) {
  for (const disk::Disk &disk : description.disks)
    TRY(disk::plug_disk(xenstore_, domid, disk, hotplug));
  for (plan::Nic nic : description.nics) {
    nic.interface = first_interface(description, nic);
    TRY(toolstack_.add_nic(domid, {.index = nic.index,
                                   .interface = nic.interface,
                                   .mac = nic.mac,
                                   .bridge = nic.bridge,
                                   .script = hotplug}));
    // At the guest's start libxl does it, after the device model is up.
    if (description.role == plan::Role::next)
      TRY(join_tap(xenstore_, description.guest, nic));
  }
  return {};
}

Result<> StubDomains::detach_disk(xen::DomId stub, const std::string &vdev) {
  return toolstack_.remove_disk(stub, vdev);
}

Result<> StubDomains::finish_restore(xen::DomId stub, uint32_t memory) {
  TRY(detach_disk(stub, wire::state_disk));
  return toolstack_.shrink(stub, memory);
}

Result<> StubDomains::rename(xen::DomId stub, const std::string &name) {
  Deadline deadline = Deadline::after(name_timeout);
  while (auto other = TRY(toolstack_.find(name))) {
    if (*other == stub)
      return {};
    if (deadline.passed())
      return base::fail("domain {} has the name {}", *other, name);
    sleep_for(between_looks);
  }
  return toolstack_.rename(stub, name);
}

Result<> StubDomains::settle(xen::DomId stub, const plan::Description &description) {
  TRY(destroy_all(description.guest, stub));
  TRY(rename(stub, description.name));
  for (const plan::Nic &nic : description.nics)
    TRY(settle_tap(xenstore_, description.guest, nic));
  return {};
}

Result<> StubDomains::remove(xen::DomId domid) {
  // Before somebody else's destruction, which may not end well, takes the nodes that tell of them.
  const Belongings belongings = TRY(Belongings::of(domid, xenstore_));
  // Two toolstacks that destroy one domain would get in each other's way.
  TRY(xen::await_destruction(domid, control_, xenstore_,
                             Deadline::after(other_destruction_timeout)));
  // libxl would take it for one of its own, and remove the guest's monitor sockets, which are
  // linstub-dm's (libxl_domain.c, stubdom_destroy_callback).
  TRY(xenstore_.remove(xen::domain_path(domid) + "/target"));
  pci::release_pci(control_, xenstore_, domid);
  return remove_domain(domid, belongings, control_, xenstore_, destroy_by_libxl);
}

Result<> StubDomains::destroy_all(xen::DomId guest, std::optional<xen::DomId> but) {
  Result<> all;
  for (xen::DomId domid : TRY(stub_domains_of(guest, control_, xenstore_))) {
    if (domid == but)
      continue;
    if (auto removed = remove(domid); !removed)
      all = std::move(removed); // the others go nevertheless
  }
  TRY(std::move(all));
  TRY(forget_gone(guest, control_));
  pci::forget_dead_pci(control_, xenstore_); // of one that somebody else has destroyed
  // libxl makes a directory of xen-pciback for the guest as well, to which xen-pciback has to say
  // that the device is in use; libxl removes the directory, but not what was said.
  return xenstore_.remove(base::format("/local/domain/0/error/backend/pci/{}", guest));
}

Result<> StubDomains::end(xen::DomId stub) { return toolstack_.destroy(stub); }

void StubDomains::rescue(xen::DomId guest) {
  run::remove_files(guest);
  run::mark_failed(guest, "linstub-dm has died, and the guest was crashed");
  // Everything anew each time: after an error a connection is not good for anything.
  auto attempt = [guest]() -> Result<> {
    auto domains = TRY(open());
    auto crashed = domains.control_.crash(guest); // whatever happens to the stub domain
    TRY(domains.destroy_all(guest));
    return crashed;
  };
  for (base::Backoff pauses;;) {
    auto done = attempt();
    if (done)
      return;
    base::log_failure(done);
    sleep_for(pauses.next());
  }
}

} // namespace linstub::stubdom
