// SPDX-License-Identifier: MIT
// Disks and CDs of guests, made without mounts and loop devices. A disk has an MBR and one
// partition. What a PC's BIOS boots from has SYSLINUX (on a CD, ISOLINUX), a kernel and an initrd;
// or GRUB, and a whole Debian.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace linstub::lab {

struct Boot {
  std::filesystem::path kernel;
  std::filesystem::path initrd;
  std::string command_line;
};

// A disk without anything in its partition, as a raw image.
base::Result<> write_disk(uint32_t mebibytes, const std::filesystem::path &image);

// `work` is a directory for scratch files.
base::Result<> write_boot_disk(const Boot &boot, uint32_t mebibytes,
                               const std::filesystem::path &image,
                               const std::filesystem::path &work);

// The BIOS reads a CD four times faster than a disk: in sectors of 2 KiB, each with as many exits
// as one of a disk's 512 bytes.
base::Result<> write_boot_cd(const Boot &boot, const std::filesystem::path &image,
                             const std::filesystem::path &work);

// A disk with GRUB and one ext4 partition, labelled "system", that has what is in `tree`. GRUB
// reads /boot/grub/grub.cfg there.
base::Result<> write_system_disk(const std::filesystem::path &tree, uint32_t mebibytes,
                                 const std::filesystem::path &image,
                                 const std::filesystem::path &work);

// As an MBR has it.
enum class PartitionType : uint8_t { fat = 0x0c, linux_native = 0x83 };

// The boot sector: a boot loader's code and one active partition from `first` to the disk's end
// (both in sectors).
std::string boot_sector(std::string_view code, uint32_t first, uint32_t sectors,
                        PartitionType type = PartitionType::fat);

} // namespace linstub::lab
