// SPDX-License-Identifier: MIT
#include "disk/disk_image.hpp"

#include "base/fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

namespace linstub::disk {
namespace {

using base::fail;
using base::Result;

constexpr uint32_t qcow2_magic = 0x514649fb;
constexpr uint64_t largest_disk = uint64_t{64} << 40; // bytes

template <class Number>
Number big_endian(std::span<const std::byte> bytes) {
  Number number = 0;
  for (size_t i = 0; i < sizeof(Number); i++)
    number = static_cast<Number>((number << 8) | std::to_integer<Number>(bytes[i]));
  return number;
}

Result<> make_room(const Disk &disk, const base::Fd &fd, uint64_t size) {
  std::array<std::byte, qcow2_header_size> bytes{};
  if (::pread(fd.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return fail("it is too short for a qcow2 image");
  Qcow2Header header = TRY(parse_qcow2(bytes));
  if (header.backing_file)
    return fail("it has a backing file, which is a file of dom0 that a stub domain has not got: "
                "flatten it with `qemu-img convert`");
  uint64_t need = largest_file(header);
  if (disk.mode == DiskMode::read_only || size >= need)
    return {};
  if (::ftruncate(fd.get(), static_cast<off_t>(need)) != 0)
    return base::fail_errno(errno, "make it {} bytes long", need);
  return {};
}

} // namespace

Result<Qcow2Header> parse_qcow2(std::span<const std::byte, qcow2_header_size> bytes) {
  if (big_endian<uint32_t>(bytes.subspan(0)) != qcow2_magic)
    return fail("it is not a qcow2 image");
  Qcow2Header header{.virtual_size = big_endian<uint64_t>(bytes.subspan(24)),
                     .cluster_bits = big_endian<uint32_t>(bytes.subspan(20)),
                     .backing_file = big_endian<uint64_t>(bytes.subspan(8)) != 0};
  if (header.cluster_bits < 9 || header.cluster_bits > 21)
    return fail("it says that a cluster has 2^{} bytes", header.cluster_bits);
  if (header.virtual_size > largest_disk)
    return fail("it says that it has {} bytes", header.virtual_size);
  return header;
}

uint64_t largest_file(const Qcow2Header &header) {
  // For each cluster of data: 16 bytes in an L2 table (8, or 16 with extended entries), up to 8
  // in a refcount block; the L1 and refcount tables are small against that.
  constexpr uint64_t per_cluster = 32;
  constexpr uint64_t tables = uint64_t{16} << 20;
  uint64_t clusters = (header.virtual_size >> header.cluster_bits) + 1;
  uint64_t size = header.virtual_size + clusters * per_cluster + tables;
  constexpr uint64_t sector = 512;
  return (size + sector - 1) / sector * sector;
}

Result<> prepare_disk(const Disk &disk) {
  auto prepare = [&]() -> Result<> {
    int flags = disk.mode == DiskMode::read_only ? O_RDONLY : O_RDWR;
    base::Fd fd = TRY(base::open_file(disk.path, flags | O_NONBLOCK));
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0)
      return base::fail_errno(errno, "look at it");
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
      return fail("it is neither a file nor a block device");
    if (disk.format == DiskFormat::qcow2 && S_ISREG(status.st_mode))
      return make_room(disk, fd, static_cast<uint64_t>(status.st_size));
    return {};
  };
  return prepare().transform_error(base::doing("disk image {}", disk.path));
}

} // namespace linstub::disk
