// SPDX-License-Identifier: MIT
#include "plan/stub_plan.hpp"

#include "plan/drives.hpp"
#include "wire/kernel_options.hpp"
#include "wire/memory.hpp"
#include "wire/state_record.hpp"

#include <algorithm>
#include <array>

namespace linstub::plan {
namespace {

// For each disk that QEMU serves to a PV driver: a thread, and the data of 32 requests of 44 KiB
// (its hw/block/dataplane/xen-block.c), which is what Linux has under way at most.
constexpr uint32_t memory_of_pv_disk = 4;

// For more disks and NICs than fit into a stub domain of the usual size. A disk: pages for the
// lists of blkfront's requests (32), the requests, and what QEMU's port of a controller has for
// each of two drives, 128 KiB. With 27 of AHCI the kernel killed QEMU where it had 16 MiB to
// spare, 10 fitted; now it has 13. A NIC: netfront has its 256 receive buffers filled at all times,
// and as many frames may wait for a guest that takes none (stub/nics.cpp), of some 5 KiB each.
constexpr size_t usual_disks = 4;
constexpr uint32_t memory_of_disk = 1;
constexpr size_t usual_nics = 2;
constexpr uint32_t memory_of_nic = 3;

uint32_t memory_of_devices(const Plan &plan) {
  auto beyond = [](size_t count, size_t usual) {
    return static_cast<uint32_t>(count - std::min(count, usual));
  };
  return memory_of_disk * beyond(disks_of(plan).size() + plan.files.size(), usual_disks) +
         memory_of_nic * beyond(plan.nics.size(), usual_nics) + memory_of_pv_disk * plan.pv_served;
}

// MiB of the largest screen that somebody can look at.
uint32_t screen_of(const Plan &plan) {
  return plan.vnc ? std::min(video_memory_of(plan), wire::largest_screen) : 0;
}

// swtpm, with the part of its libraries that is its own.
constexpr uint32_t memory_of_tpm = 6;

// In a PVH domain what is mapped of the guest has 64 bytes of the kernel's for each page, as its
// own memory has; QEMU keeps a GiB of it mapped at most (preload/map_cache.cpp).
constexpr uint32_t memory_of_pvh = 16;

// The settings' type, but PV if its guest may have PCI devices: Linux has the frontend of
// passed-through devices for PV domains only (drivers/pci/xen-pcifront.c).
xen::DomainType type_of(const Plan &plan) {
  return plan.may_have_pci ? xen::DomainType::pv : plan.settings.type;
}

uint32_t mebibytes(uint64_t bytes) {
  constexpr uint64_t mebibyte = uint64_t{1} << 20;
  return static_cast<uint32_t>((bytes + mebibyte - 1) / mebibyte);
}

// A copied file takes its size twice: in the stub domain's file system, and in QEMU's memory. The
// ramdisk is the stub domain's as it is unpacked.
uint32_t memory_needed(const Plan &plan, const manifest::Image &image,
                       const std::vector<disk::CopiedFile> &files) {
  uint32_t memory = plan.settings.memory + memory_of_devices(plan);
  if (plan.tpm)
    memory += memory_of_tpm;
  for (const disk::CopiedFile &file : files)
    memory += 2 * mebibytes(file.size());
  if (plan.settings.system == System::ramdisk)
    memory += mebibytes(image.identity.ramdisk_unpacked);
  if (type_of(plan) == xen::DomainType::pvh)
    memory += memory_of_pvh;
  return memory;
}

std::string kernel_command_line(const Plan &plan) {
  const Settings &settings = plan.settings;
  std::string line = wire::kernel_options;
  if (plan.may_have_pci)
    line.append(" ").append(wire::any_hypercall_option);
  if (settings.log_level != base::LogLevel::debug)
    line += " quiet";
  // With one CPU, whoever looks for a request keeps the guest from making it.
  const bool spins = settings.spin != "off" && (settings.spin != "auto" || plan.physical_cpus > 1);
  if (spins)
    line += base::format(" {}{}", wire::spin_option, settings.spin);
  if (!settings.kernel_options.empty())
    line.append(" ").append(settings.kernel_options);
  return line;
}

std::string level_name(base::LogLevel level) {
  constexpr std::array<const char *, 4> names{"error", "warning", "info", "debug"};
  return names.at(static_cast<size_t>(level));
}

// What depends on no guest.
Description describe_common(const Plan &plan, const manifest::Image &image) {
  const manifest::Identity &what = image.identity;
  Description description{.image = what.kernel.sha256,
                          .kernel = image.kernel(),
                          .command_line = kernel_command_line(plan),
                          .type = type_of(plan),
                          .limits = plan.settings.limits,
                          .log_level = level_name(plan.settings.log_level)};
  if (plan.settings.system == System::disk) {
    description.image += "-" + what.init.sha256 + "-" + what.system.sha256;
    description.ramdisk = image.init();
    description.disks.push_back(
        {.path = image.system(), .vdev = wire::system_disk, .mode = disk::DiskMode::read_only});
  } else {
    description.image += "-" + what.ramdisk.sha256;
    description.ramdisk = image.ramdisk();
  }
  return description;
}

} // namespace

base::Result<> check_type(const Settings &settings, std::string_view xen) {
  // "x86: Allow HVM/PVH domains to map foreign pages"
  constexpr uint64_t first_major = 4;
  constexpr uint64_t first_minor = 19;
  if (settings.type == xen::DomainType::pv)
    return {};
  const size_t dot = std::min(xen.find('.'), xen.size());
  const auto major = xen::parse_number(xen.substr(0, dot), UINT16_MAX);
  const auto minor = xen::parse_number(xen.substr(std::min(dot + 1, xen.size())), UINT16_MAX);
  if (!major || !minor || std::pair(*major, *minor) < std::pair(first_major, first_minor))
    return base::fail("Xen {} lets no PVH domain map its guest's memory, as a stub domain has "
                      "to (Xen {}.{} and later do): set type=pv",
                      xen, first_major, first_minor);
  return {};
}

std::vector<std::string> qemu_arguments(const Plan &plan, const Origin &origin) {
  std::vector<std::string> arguments = render(plan.qemu);
  // The next one of a guest that runs goes on when the former one cannot any more.
  if (plan.start == Start::paused || origin.role == Role::next)
    arguments.emplace_back("-S");
  // linstub-init puts the descriptor in place of it that the state comes from.
  if (!origin.state.empty())
    arguments.insert(arguments.end(),
                     {"-incoming", origin.role == Role::next ? wire::awaited_argument
                                                             : wire::incoming_argument});
  return arguments;
}

Description describe(const Plan &plan, const manifest::Image &image,
                     const std::vector<disk::CopiedFile> &files, const Origin &origin) {
  Description description = describe_common(plan, image);
  description.guest = *plan.guest;
  description.name = plan.name + "-dm";
  description.may_be_spare = plan.settings.spares > 0;
  description.memory = memory_needed(plan, image, files);
  description.screen = screen_of(plan);
  description.arguments = qemu_arguments(plan, origin);
  description.nics = plan.nics;
  description.role = origin.role;
  std::vector<disk::Disk> disks = disks_of(plan);
  disks.insert(disks.end(), description.disks.begin(), description.disks.end());
  description.disks = std::move(disks);
  for (size_t i = 0; i < files.size(); i++) {
    const CopiedFile &file = plan.files.at(i);
    disk::Disk disk = file.disk;
    disk.path = files[i].path();
    description.files.push_back({.device = disk.vdev, .size = files[i].size(), .path = file.path});
    description.disks.push_back(std::move(disk));
  }
  if (!origin.state.empty()) {
    // Until QEMU has learned where the guest's video memory is, it keeps a stand-in of that size
    // (hw/xen/xen-mapcache.c).
    description.restore = video_memory_of(plan);
    description.memory += description.restore;
    description.disks.push_back(
        {.path = origin.state, .vdev = wire::state_disk, .mode = disk::DiskMode::read_only});
  }
  return description;
}

Description describe_spare(const Settings &settings, const manifest::Image &image,
                           uint32_t physical_cpus) {
  Plan plan;
  plan.settings = settings;
  plan.physical_cpus = physical_cpus;
  plan.pv_served = 1;
  Description description = describe_common(plan, image);
  description.memory = memory_needed(plan, image, {});
  return description;
}

} // namespace linstub::plan
