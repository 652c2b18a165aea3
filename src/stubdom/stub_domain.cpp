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
#include "stubdom/next_vif.hpp"
#include "stubdom/nic_plug.hpp"
#include "stubdom/ownership.hpp"
#include "stubdom/removal.hpp"
#include "stubdom/spares.hpp"
#include "wire/frame.hpp"
#include "wire/kernel_options.hpp"
#include "wire/memory.hpp"
#include "wire/paths.hpp"
#include "wire/state_record.hpp"
#include "xen/departure.hpp"
#include "xen/xl_lock.hpp"

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
constexpr Milliseconds boot_timeout{60'000};
constexpr Milliseconds lock_timeout{120'000};
constexpr Milliseconds xl_timeout{90'000};         // a guest's start may take its 60 s
constexpr Milliseconds spares_end_timeout{12'000}; // broker/stubdom.cpp waits for 44 s in all
// The kernel, the hypervisor's tables and the grant and event pages of a small PV domain.
constexpr uint32_t overhead = 4; // MiB
// Of a PVH domain: Xen's tables of its memory and of what it maps, 2 MiB for each GiB.
constexpr uint32_t paging_memory = 4; // MiB

// Of a stub domain that is to replace another one, as long as that is there.
std::string first_name(const plan::Description &description) {
  return description.role == plan::Role::next ? description.name + "-next" : description.name;
}

uint32_t paging_of(const plan::Description &description) {
  return description.type == xen::DomainType::pvh ? paging_memory : 0;
}

// MiB of the host's.
uint32_t memory_for(const plan::Description &description) {
  return description.memory + overhead + paging_of(description);
}

std::string owner_node_of(xen::DomId domid) {
  return base::format("{}/{}", xen::domain_path(domid), wire::owner_node);
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
  if (description.role == plan::Role::first)
    return make(description, hotplug);
  NextVifs vifs(xenstore_, links_, description.guest);
  vifs.forget(); // what an attempt has left that was ended
  auto made = make(description, hotplug);
  if (!made)
    vifs.forget();
  return made;
}

Result<xen::DomId> StubDomains::make(const plan::Description &description,
                                     const std::string &hotplug) {
  TRY(wait_for_name(first_name(description)));
  if (description.may_be_spare) {
    if (auto spare = take_spare(description, control_)) {
      auto adopted = adopt(*spare, description, hotplug);
      // With one that lives, a new one would fail of the same.
      if (adopted || TRY(control_.runs(*spare)))
        return or_remove(*spare, std::move(adopted));
      base::log_warning("spare stub domain {} has ended: {}", *spare, adopted.error().message());
      base::log_failure(remove(*spare));
    }
  }
  return create_new(description, hotplug);
}

// Paused.
Result<xen::DomId> StubDomains::build(const plan::Description &description, const std::string &name,
                                      const xen::Uuid &uuid, const xen::Xenstore::Nodes &nodes) {
  return toolstack_.create({.type = description.type,
                            .name = name,
                            .uuid = uuid,
                            .kernel = description.kernel,
                            .ramdisk = description.ramdisk,
                            .command_line = description.command_line,
                            .memory = description.memory,
                            .paging_memory = paging_of(description),
                            .limits = description.limits,
                            .nodes = nodes});
}

Result<xen::DomId> StubDomains::or_remove(xen::DomId domid, Result<> done) {
  if (done)
    return domid;
  base::log_failure(remove(domid)); // what is returned is the cause
  return std::unexpected(std::move(done).error());
}

Result<xen::DomId> StubDomains::create_new(const plan::Description &description,
                                           const std::string &hotplug) {
  TRY(make_room(description));
  const xen::Uuid uuid = TRY(announce_stub_domain(description.guest));
  const xen::DomId domid = TRY(build(description, first_name(description), uuid,
                                     {{wire::owner_node, base::format("{}", description.guest)}}));
  auto finish = [&]() -> Result<> {
    TRY(prepare(domid, description));
    if (control_.can_have_pci(description.guest))
      TRY(pci::PciBackend(xenstore_, domid).open());
    TRY(attach(domid, description, hotplug));
    TRY(toolstack_.unlist(domid));
    TRY(toolstack_.unpause(domid));
    return allow_memory(domid, description.memory, description.screen);
  };
  return or_remove(domid, finish());
}

// Its linstub-init goes on as soon as all nodes are there: so they come last.
Result<> StubDomains::adopt(xen::DomId spare, const plan::Description &description,
                            const std::string &hotplug) {
  TRY(xenstore_.write(owner_node_of(spare), base::format("{}", description.guest)));
  TRY(toolstack_.rename(spare, first_name(description)));
  plan::Description rest = description;
  std::erase_if(rest.disks, [](const disk::Disk &one) { return one.vdev == wire::system_disk; });
  TRY(attach(spare, rest, hotplug));
  const auto made = TRY(control_.info(spare));
  const uint32_t had = made ? static_cast<uint32_t>(made->memory >> 20) : 0; // it may be more
  TRY(allow_memory(spare, std::max(description.memory, had), description.screen));
  return prepare(spare, description);
}

Result<> StubDomains::keep_spares(std::optional<uint32_t> wanted_count,
                                  const plan::Description &wanted, const std::string &hotplug) {
  const SparesLock lock = TRY(SparesLock::take(Deadline::after(lock_timeout)));
  const auto ready = std::ranges::count(run::spares(), run::SpareStage::ready, &run::Spare::stage);
  const uint32_t count = wanted_count.value_or(static_cast<uint32_t>(ready));
  uint32_t there = 0;
  Result<> ended; // the first error: the others go nevertheless
  for (const run::Spare &spare : run::spares()) {
    const bool stays = there < count && TRY(is_as_wanted(spare, wanted, control_));
    there += stays ? 1 : 0;
    if (auto done = stays ? Result<>() : end_spare(spare); !done && ended)
      ended = std::move(done);
  }
  for (; there < count; there++)
    TRY(make_spare(wanted, hotplug).transform_error(base::doing("make a spare stub domain")));
  return ended;
}

// What waits for a guest has to give way to one that is there, before dom0 has: as much of it as is
// wanted. What is too slow in that is somebody else's to end; this guest's start is waited for.
Result<> StubDomains::make_room(const plan::Description &description) {
  const uint32_t need = memory_for(description);
  const Deadline deadline = Deadline::after(spares_end_timeout);
  for (const run::Spare &spare : run::spares()) {
    if (deadline.passed() || TRY(toolstack_.room()).has(need))
      break;
    if (spare.stage == run::SpareStage::ready)
      base::log_failure(end_spare(spare), base::LogLevel::warning);
  }
  return toolstack_.make_room(need);
}

// While xl makes a domain it counts on the memory that it has found or freed.
Result<xen::DomId> StubDomains::build_spare(const plan::Description &description,
                                            const xen::Uuid &uuid) {
  const base::Fd lock = TRY(xen::lock_xl(Deadline::after(xl_timeout)));
  const auto room = TRY(toolstack_.room());
  if (const uint32_t need = memory_for(description); !room.has(need))
    return base::fail("the host has {} MiB of free memory, of which domains that are being made "
                      "need {}, and it needs {}",
                      room.free, room.owed, need);
  return build(description, TRY(name_of_spare()), uuid, {});
}

Result<> StubDomains::make_spare(const plan::Description &wanted, const std::string &hotplug) {
  run::Spare spare = TRY(announce_spare(wanted));
  plan::Description description = wanted;
  for (const char *option : {wire::any_hypercall_option, wire::spare_option})
    description.command_line.append(" ").append(option);
  auto built = build_spare(description, spare.uuid);
  if (!built) {
    ::unlink(run::spare_path(spare).c_str());
    return std::unexpected(std::move(built).error());
  }
  const xen::DomId domid = *built;
  auto finish = [&]() -> Result<> {
    TRY(attach(domid, description, hotplug));
    TRY(toolstack_.unlist(domid));
    TRY(toolstack_.unpause(domid));
    TRY(await_init(domid));
    return run::move_spare(spare, run::SpareStage::ready);
  };
  TRY(or_remove(domid, finish()));
  return {};
}

Result<std::string> StubDomains::name_of_spare() {
  for (int number = 1;; number++) {
    std::string name = base::format("linstub-spare-{}", number);
    if (!TRY(toolstack_.find(name)))
      return name;
  }
}

// Its first word.
Result<> StubDomains::await_init(xen::DomId domid) {
  const std::string state = base::format("{}/{}", xen::domain_path(domid), wire::state_node);
  for (const Deadline deadline = Deadline::after(boot_timeout);
       !TRY(xenstore_.read_if_there(state, 16)); sleep_for(between_looks)) {
    if (deadline.passed() || !TRY(control_.runs(domid)))
      return base::fail("it does not come up: look at its console (xl console {})", domid);
  }
  return {};
}

// One that a guest has taken meanwhile is the guest's.
Result<> StubDomains::end_spare(run::Spare spare) {
  if (auto moved = run::move_spare(spare, run::SpareStage::ending); !moved)
    return moved.error().code() == ENOENT ? Result<>() : moved;
  for (const xen::DomainInfo &domain : TRY(control_.domains())) {
    if (domain.uuid == spare.uuid && !domain.dying)
      TRY(remove(domain.domid));
  }
  ::unlink(run::spare_path(spare).c_str());
  return {};
}

// After a reboot the stub domain of the guest's former life may still be on its way out.
Result<> StubDomains::wait_for_name(const std::string &name) {
  Deadline deadline = Deadline::after(name_timeout);
  while (auto other = TRY(toolstack_.find(name))) {
    auto guest = TRY(xenstore_.read_if_there(owner_node_of(*other), 16));
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
    TRY(write(wire::screen_node, std::to_string(description.screen)));
    TRY(write(wire::restore_node, std::to_string(description.restore)));
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

// What it may take for viewers, above `memory`, in MiB (src/stub/lent_memory.hpp). Not before it
// runs: of a domain that never ran all that it may have counts as what it is about to take.
Result<> StubDomains::allow_memory(xen::DomId domid, uint32_t memory, uint32_t screen) {
  constexpr uint64_t slack = 1024; // KiB, as libxl allows it above what a domain is made with
  const uint64_t most = uint64_t{memory} + wire::most_memory_for_viewers(screen);
  return control_.set_most_memory(domid, (most << 10) + slack);
}

Result<> StubDomains::attach(xen::DomId domid, const plan::Description &description,
                             const std::string &hotplug) {
  for (const disk::Disk &disk : description.disks)
    TRY(disk::plug_disk(xenstore_, domid, disk, hotplug));
  std::vector<plan::Nic> nics = description.nics;
  for (plan::Nic &nic : nics) {
    nic.interface = first_interface(description, nic);
    TRY(plug_nic(xenstore_, domid, nic, hotplug));
  }
  for (const plan::Nic &nic : nics)
    TRY(name_nic(xenstore_, domid, nic));
  if (description.role == plan::Role::first) // libxl joins them, after the device model is up
    return {};
  const auto others = TRY(others_of(description.guest, domid));
  return NextVifs(xenstore_, links_, description.guest).join(description.nics, domid, others);
}

Result<std::vector<xen::DomId>> StubDomains::others_of(xen::DomId guest, xen::DomId stub) {
  auto all = TRY(stub_domains_of(guest, control_, xenstore_));
  std::erase(all, stub);
  return all;
}

Result<> StubDomains::detach_disk(xen::DomId stub, const std::string &vdev) {
  return toolstack_.remove_disk(stub, vdev);
}

// What it has had for the state it gives back by itself; it gets it no more.
Result<> StubDomains::finish_restore(xen::DomId stub, uint32_t memory) {
  TRY(detach_disk(stub, wire::state_disk));
  const auto screen = TRY(xenstore_.read_number(
      base::format("{}/{}", xen::domain_path(stub), wire::screen_node), wire::largest_screen));
  return allow_memory(stub, memory, static_cast<uint32_t>(screen));
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

// The guest's network comes first: it waits for that, and destruction may take its time.
Result<> StubDomains::settle(xen::DomId stub, const plan::Description &description) {
  const auto others = TRY(others_of(description.guest, stub));
  auto settled =
      NextVifs(xenstore_, links_, description.guest).settle(description.nics, stub, others);
  TRY(destroy_all(description.guest, stub));
  TRY(rename(stub, description.name));
  return settled;
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
  if (!but) // the guest may have been amid an upgrade
    NextVifs(xenstore_, links_, guest).forget();
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
    TRY(std::move(crashed));
    return {};
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
