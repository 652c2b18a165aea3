// SPDX-License-Identifier: MIT
#include "plan/qemu_option.hpp"

#include "base/format.hpp"

#include <algorithm>
#include <array>

namespace linstub::plan {
namespace {

// Whose drives have one (QEMU's blockdev.c, drive_new()).
constexpr std::array<std::string_view, 4> with_error_policy{"ide", "scsi", "virtio", "none"};

using Text = std::optional<std::string>; // none for a flag

Text text_of(std::monostate) { return std::nullopt; }
Text text_of(const std::string &text) { return text; }
Text text_of(const Device &device) { return device.options.text(); }

Text text_of(const Drive &drive) {
  wire::Options options = drive.options;
  if (drive.disk) {
    options.set("format", disk::format_name(drive.disk->format));
    options.set("file.driver", "host_device");
    options.set("file.filename", base::format("/dev/{}", drive.disk->vdev));
    // Not direct I/O: QEMU reads straight into the guest's memory, which is foreign to a PV stub
    // domain, and the kernel does not pin such pages for direct I/O (EFAULT, an error of the
    // guest's disk). The guest's flushes reach the disk in dom0 all the same.
    options.set("cache", "writeback");
    options.set("aio", "threads");
    // Where nothing else is said, an error is the guest's: QEMU would stop for want of room, and
    // with it all of the guest's devices.
    if (drive.disk->mode == disk::DiskMode::read_write && !options.get("werror") &&
        std::ranges::contains(with_error_policy, options.get_or("if", "ide")))
      options.set("werror", "report");
  }
  return options.text();
}

} // namespace

std::vector<std::string> render(std::span<const QemuOption> options) {
  std::vector<std::string> arguments;
  for (const QemuOption &option : options) {
    arguments.push_back(option.name);
    if (Text text = std::visit([](const auto &value) { return text_of(value); }, option.value))
      arguments.push_back(std::move(*text));
  }
  return arguments;
}

} // namespace linstub::plan
