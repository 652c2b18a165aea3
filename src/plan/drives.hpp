// SPDX-License-Identifier: MIT
// The device options of QEMU's command line that name things of dom0: -drive, -netdev.
#pragma once

#include "base/result.hpp"
#include "plan/plan.hpp"

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace linstub::plan {

constexpr size_t most_nics = 8;

// `number` is how many disks there are already. A disk is writable unless the option says that it
// is read-only, in a word that QEMU knows, or that it is a CD-ROM.
base::Result<Drive> translate_drive(std::string_view value, size_t number);

// Makes the media of the plan's CD-ROM drives read-only: for when all options are in it.
void protect_cd_drives(Plan &plan);

// The disks that are in a plan's drives, those for PV drivers alone, and its TPM's.
std::vector<disk::Disk> disks_of(const Plan &plan);

// CD-ROM drives of a plan, by the id that QMP knows them by ("ide-5632"). An error where there is
// no such drive.

// The disk (xvdX) that is its medium; none if it is empty.
base::Result<std::optional<std::string>> medium_of(const Plan &plan, std::string_view drive);

// Puts a disk, or none, in the place of its medium, as it would be for a new guest. Returns the
// disk that was its medium, as medium_of().
base::Result<std::optional<std::string>> set_medium(Plan &plan, std::string_view drive,
                                                    std::optional<disk::Disk> medium);

// A name that no disk and no file of the plan has, nor one of `others`.
base::Result<std::string> free_disk_name(const Plan &plan, const std::set<std::string> &others);

// The number of a NIC, from the id that libxl gives its -netdev: "net0".
base::Result<uint8_t> nic_number(std::string_view netdev);

struct NetdevOption {
  Nic nic; // without a MAC: that is in -device
  std::string for_qemu;
};
base::Result<NetdevOption> translate_netdev(std::string_view value);

} // namespace linstub::plan
