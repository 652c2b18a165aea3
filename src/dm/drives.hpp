// The device options of QEMU's command line that name things of dom0: -drive, -netdev, -device.
#pragma once

#include "base/result.hpp"
#include "dm/plan.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace linstub::dm {

constexpr size_t most_disks = 26; // xvda to xvdz
constexpr size_t most_nics = 8;

// xvda, xvdb, ...
base::Result<std::string> disk_name(size_t number);

struct DriveOption {
  std::optional<Disk> disk; // none for an empty CD-ROM drive
  std::string for_qemu;
};
// `number` is how many disks there are already.
base::Result<DriveOption> translate_drive(std::string_view value, size_t number);

struct NetdevOption {
  Nic nic; // without a MAC: that is in -device
  std::string for_qemu;
};
base::Result<NetdevOption> translate_netdev(std::string_view value);

// An error for a device that needs something a stub domain has not got.
base::Result<> check_device(std::string_view driver);

} // namespace linstub::dm
