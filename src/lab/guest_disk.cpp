// SPDX-License-Identifier: MIT
#include "lab/guest_disk.hpp"

#include "base/fd.hpp"
#include "base/process.hpp"

#include <fcntl.h>

#include <utility>
#include <vector>

namespace linstub::lab {
namespace fs = std::filesystem;

namespace {

constexpr uint32_t sector_size = 512;
constexpr uint32_t sectors_per_mebibyte = (1U << 20) / sector_size;
constexpr uint32_t first_sector = sectors_per_mebibyte; // of the partition
constexpr size_t code_size = 440;
constexpr size_t table_offset = 446;
constexpr size_t signature_offset = 510;
constexpr const char *sectors_per_cluster = "4"; // SYSLINUX reads a cluster at a time

constexpr auto short_time = std::chrono::minutes(2);
constexpr auto long_time = std::chrono::minutes(10); // a whole Debian's files

// Debian's grub-pc-bin. boot.img loads the sector behind it, where core.img begins; that loads its
// own rest, if it follows at once: as grub-mkimage has it.
constexpr const char *grub_boot_code = "/usr/lib/grub/i386-pc/boot.img";
constexpr const char *grub_directory = "(hd0,msdos1)/boot/grub";

// Debian's syslinux-common and isolinux.
constexpr const char *boot_code = "/usr/lib/syslinux/mbr/mbr.bin";
constexpr const char *cd_loader = "/usr/lib/ISOLINUX/isolinux.bin";
constexpr const char *cd_loader_library = "/usr/lib/syslinux/modules/bios/ldlinux.c32";

void put_word(std::string &bytes, size_t at, uint32_t value) {
  for (size_t i = 0; i < sizeof value; i++)
    bytes[at + i] = static_cast<char>(value >> (8 * i));
}

std::string loader_settings(const Boot &boot) {
  return base::format("DEFAULT guest\nPROMPT 0\nTIMEOUT 0\nLABEL guest\n"
                      "  KERNEL /linux\n  INITRD /initrd\n  APPEND {}\n",
                      boot.command_line);
}

base::Result<> run(std::vector<std::string> argv, base::Milliseconds limit = short_time) {
  TRY(base::run_checked({.argv = std::move(argv)}, base::Deadline::after(limit)));
  return {};
}

// `sectors` are those before the partition, the boot sector first.
base::Result<> make_image(const fs::path &image, const std::string &sectors, uint32_t mebibytes) {
  TRY(base::replace_file(image, sectors));
  std::error_code error;
  fs::resize_file(image, uint64_t{mebibytes} << 20, error);
  if (error)
    return base::fail("make {} as large as {} MiB: {}", image.string(), mebibytes, error.message());
  return {};
}

base::Result<> make_partition(const fs::path &image, uint32_t mebibytes) {
  const std::string code = TRY(base::read_file(boot_code, code_size));
  return make_image(image, boot_sector(code, first_sector, mebibytes * sectors_per_mebibyte),
                    mebibytes);
}

} // namespace

std::string boot_sector(std::string_view code, uint32_t first, uint32_t sectors,
                        PartitionType type) {
  std::string sector(code.substr(0, code_size));
  sector.resize(sector_size, '\0');
  // Active; cylinder, head and sector say "beyond what they can name": the code uses LBA.
  const std::string_view entry("\x80\xfe\xff\xff\x00\xfe\xff\xff", 8);
  sector.replace(table_offset, entry.size(), entry);
  sector[table_offset + 4] = static_cast<char>(std::to_underlying(type));
  put_word(sector, table_offset + 8, first);
  put_word(sector, table_offset + 12, sectors - first);
  sector[signature_offset] = '\x55';
  sector[signature_offset + 1] = '\xaa';
  return sector;
}

base::Result<> write_disk(uint32_t mebibytes, const fs::path &image) {
  TRY(make_partition(image, mebibytes));
  const std::string first = std::to_string(first_sector);
  return run({"mkfs.vfat", "--invariant", "-F", "16", "-s", sectors_per_cluster, "--offset", first,
              "-h", first, "-n", "GUEST", image.string(), std::to_string((mebibytes - 1) * 1024)});
}

base::Result<> write_boot_disk(const Boot &boot, uint32_t mebibytes, const fs::path &image,
                               const fs::path &work) {
  TRY(write_disk(mebibytes, image));
  const fs::path settings = work / "syslinux.cfg";
  TRY(base::replace_file(settings, loader_settings(boot)));
  const std::string partition = image.string() + "@@1M";
  TRY(run({"mcopy", "-i", partition, boot.kernel.string(), "::/linux"}));
  TRY(run({"mcopy", "-i", partition, boot.initrd.string(), "::/initrd"}));
  TRY(run({"mcopy", "-i", partition, settings.string(), "::/syslinux.cfg"}));
  return run({"syslinux", "--offset", std::to_string(first_sector * sector_size), "--install",
              image.string()});
}

base::Result<> write_system_disk(const fs::path &tree, uint32_t mebibytes, const fs::path &image,
                                 const fs::path &work) {
  const fs::path core = work / "core.img";
  TRY(run({"grub-mkimage", "-O", "i386-pc", "-o", core.string(), "-p", grub_directory, "biosdisk",
           "part_msdos", "ext2", "normal", "linux", "boot"}));
  constexpr size_t room = size_t{first_sector - 1} * sector_size;
  std::string sectors = boot_sector(TRY(base::read_file(grub_boot_code, sector_size)), first_sector,
                                    mebibytes * sectors_per_mebibyte, PartitionType::linux_native);
  sectors += TRY(base::read_file(core, room));
  TRY(make_image(image, sectors, mebibytes));
  return run({"mke2fs", "-q", "-t", "ext4", "-L", "system", "-E",
              base::format("offset={}", uint64_t{first_sector} * sector_size), "-d", tree.string(),
              image.string(), base::format("{}M", mebibytes - 1)},
             long_time);
}

base::Result<> write_boot_cd(const Boot &boot, const fs::path &image, const fs::path &work) {
  const fs::path settings = work / "isolinux.cfg";
  TRY(base::replace_file(settings, loader_settings(boot)));
  // Graft points: where it is on the CD = where it is here.
  return run({"xorriso",
              "-as",
              "mkisofs",
              "-quiet",
              "-o",
              image.string(),
              "-V",
              "GUEST",
              "-b",
              "isolinux.bin",
              "-c",
              "boot.cat",
              "-no-emul-boot",
              "-boot-load-size",
              "4",
              "-boot-info-table",
              "-graft-points",
              base::format("/isolinux.bin={}", cd_loader),
              base::format("/ldlinux.c32={}", cd_loader_library),
              base::format("/isolinux.cfg={}", settings.string()),
              base::format("/linux={}", boot.kernel.string()),
              base::format("/initrd={}", boot.initrd.string())});
}

} // namespace linstub::lab
