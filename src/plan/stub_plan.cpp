#include "plan/stub_plan.hpp"

#include "wire/kernel_options.hpp"
#include "wire/options.hpp"
#include "wire/state_record.hpp"

#include <algorithm>
#include <array>

namespace linstub::plan {
namespace {

uint32_t mebibytes(uint64_t bytes) {
  constexpr uint64_t mebibyte = uint64_t{1} << 20;
  return static_cast<uint32_t>((bytes + mebibyte - 1) / mebibyte);
}

std::string kernel_command_line(const Settings &settings) {
  std::string line = wire::kernel_options;
  if (settings.log_level != base::LogLevel::debug)
    line += " quiet";
  if (!settings.kernel_options.empty())
    line.append(" ").append(settings.kernel_options);
  return line;
}

std::string level_name(base::LogLevel level) {
  constexpr std::array<const char *, 4> names{"error", "warning", "info", "debug"};
  return names.at(static_cast<size_t>(level));
}

// QEMU's arguments for a guest that runs already: it goes on when it has its state, and asks
// nobody.
std::vector<std::string> resuming(std::vector<std::string> arguments) {
  std::erase(arguments, "-S");
  if (!std::ranges::contains(arguments, wire::incoming_argument))
    arguments.insert(arguments.end(), {"-incoming", wire::incoming_argument});
  return arguments;
}

} // namespace

uint32_t memory_needed(const Settings &settings, const std::vector<disk::FileDisk> &files) {
  // A copied file takes its size twice: in the stub domain's file system, and in QEMU's memory.
  uint32_t memory = settings.memory;
  for (const disk::FileDisk &file : files)
    memory += 2 * mebibytes(file.size());
  return memory;
}

uint32_t memory_to_restore(const Plan &plan) {
  constexpr uint32_t usual = 16;
  constexpr uint64_t most = 512;
  uint32_t memory = 0;
  for (const std::string &argument : plan.qemu) {
    auto video = wire::Options::parse(argument).get("vgamem_mb");
    auto size = video ? xen::parse_number(*video, most) : base::Result<uint64_t>(0);
    memory = std::max(memory, static_cast<uint32_t>(size.value_or(0)));
  }
  return memory == 0 ? usual : memory;
}

Description describe(const Plan &plan, const manifest::Image &image,
                     const std::vector<disk::FileDisk> &files, const Origin &origin) {
  bool runs = origin.taps == Taps::join;
  Description description{.guest = *plan.guest,
                          .name = plan.name + "-dm",
                          .kernel = image.kernel(),
                          .ramdisk = image.ramdisk(),
                          .command_line = kernel_command_line(plan.settings),
                          .memory = memory_needed(plan.settings, files),
                          .log_level = level_name(plan.settings.log_level),
                          .arguments = runs ? resuming(plan.qemu) : plan.qemu,
                          .disks = plan.disks,
                          .files = {},
                          .nics = plan.nics,
                          .taps = origin.taps};
  for (size_t i = 0; i < files.size(); i++) {
    const CopiedFile &file = plan.files.at(i);
    disk::Disk disk = file.disk;
    disk.path = files[i].path();
    description.files.push_back({.device = disk.vdev, .size = files[i].size(), .path = file.path});
    description.disks.push_back(std::move(disk));
  }
  if (!origin.state.empty()) {
    description.memory += memory_to_restore(plan);
    description.disks.push_back(
        {.path = origin.state, .vdev = wire::state_disk, .mode = disk::DiskMode::read_only});
  }
  return description;
}

} // namespace linstub::plan
