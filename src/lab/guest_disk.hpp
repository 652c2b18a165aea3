// A disk that a PC's BIOS boots from: MBR, one FAT partition, SYSLINUX, a kernel and an initrd.
// Made without mounts and loop devices.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace linstub::lab {

struct BootDisk {
  std::filesystem::path kernel;
  std::filesystem::path initrd;
  std::string command_line;
  uint32_t mebibytes = 16; // the whole disk
};

// Writes the disk as a raw image; `work` is a directory for scratch files.
base::Result<> write_boot_disk(const BootDisk &disk, const std::filesystem::path &image,
                               const std::filesystem::path &work);

// The boot sector: SYSLINUX's code and one active FAT partition from `first` to the disk's end
// (both in sectors).
std::string boot_sector(std::string_view code, uint32_t first, uint32_t sectors);

} // namespace linstub::lab
