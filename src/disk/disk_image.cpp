// SPDX-License-Identifier: MIT
#include "disk/disk_image.hpp"

#include "base/log.hpp"
#include "disk/disk_size.hpp"
#include "disk/qcow2.hpp"
#include "disk/size_record.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <optional>

namespace linstub::disk {
namespace {

using base::fail;
using base::Result;

Result<Qcow2Header> read_header(const base::Fd &image) {
  std::array<std::byte, qcow2_header_size> bytes{};
  if (::pread(image.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return fail("it is too short for a qcow2 image");
  return parse_qcow2(bytes);
}

// The header's word for the size is taken once.
Result<> check_size(std::optional<uint64_t> recorded, uint64_t asked, uint64_t largest) {
  if (recorded && asked > *recorded)
    return fail("its header says that the disk has {}, and {} are on record. Its guest can have "
                "written that. If you have resized or remade the image yourself, say so: linstub "
                "disk-size IMAGE SIZE, with the SIZE that you have given it (such as 20G)",
                size_text(asked), size_text(*recorded));
  if (!recorded && asked > largest)
    return fail("its header says that the disk has {}, which its guest can have written, and the "
                "setting largest-disk allows {}. If it is meant to be so large, say so: linstub "
                "disk-size IMAGE SIZE, with the SIZE that you have given it (such as 20G)",
                size_text(asked), size_text(largest));
  return {};
}

// What is written over something that a snapshot has goes to a new place. For that no room is made:
// the header says how many there are, and the guest can write it. Where the room ends the guest has
// an error of its disk.
void look_at_snapshots(uint32_t snapshots, uint64_t length, uint64_t need) {
  const uint64_t times = uint64_t{snapshots} + 1;
  if (snapshots == 0 || need <= length / times)
    return;
  base::log_warning("a disk image has {} internal snapshot{}, and may not have room for what they "
                    "keep, so that the guest's writes fail one day: delete them (qemu-img snapshot "
                    "-d), or, if they are yours, make the file long enough once, by truncate -s {}",
                    snapshots, snapshots == 1 ? "" : "s",
                    need > most_bytes / times ? most_bytes : need * times);
}

Result<> make_room(const base::Fd &image, uint64_t length, uint64_t largest) {
  const auto [snapshots, size] = TRY(read_header(image));
  const auto recorded = TRY(recorded_size(image));
  TRY(check_size(recorded, size, largest));
  const uint64_t need = file_size_for(size);
  look_at_snapshots(snapshots, length, need);
  if (!recorded) {
    auto put = record_size(image, size);
    if (!put && length < need)
      return fail("{}. Without a record of its size it is not made longer, since its guest can "
                  "write another size into it. The file has {} and needs {} for a disk of {}: if "
                  "that is what it is meant to be, make it so once, by truncate -s {}",
                  put.error().message(), size_text(length), size_text(need), size_text(size), need);
  }
  if (length >= need)
    return {};
  if (::ftruncate(image.get(), static_cast<off_t>(need)) != 0)
    return base::fail_errno(errno, "make it {} bytes long", need);
  return {};
}

} // namespace

uint64_t file_size_for(uint64_t size) {
  // For each cluster of data, which has 512 bytes or more: 8 bytes in an L2 table (16 in one for
  // clusters of at least 16 KiB), up to 8 in a refcount block. Above these are tables that are
  // small against them. So a sixteenth is more than enough.
  constexpr uint64_t others = uint64_t{16} << 20;
  constexpr uint64_t sector = 512;
  const uint64_t most = size + size / 16 + others;
  return (most + sector - 1) / sector * sector;
}

Result<> prepare_image(const base::Fd &image, const Disk &disk, uint64_t largest) {
  struct stat status{};
  if (::fstat(image.get(), &status) != 0)
    return base::fail_errno(errno, "look at it");
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
    return fail("it is neither a file nor a block device");
  if (disk.format != DiskFormat::qcow2)
    return {};
  if (S_ISREG(status.st_mode) && disk.mode == DiskMode::read_write)
    return make_room(image, static_cast<uint64_t>(status.st_size), largest);
  return read_header(image).transform([](const Qcow2Header &) {});
}

Result<> prepare_disk(const Disk &disk, uint64_t largest) {
  auto prepare = [&]() -> Result<> {
    const int flags = disk.mode == DiskMode::read_only ? O_RDONLY : O_RDWR;
    const base::Fd image = TRY(base::open_file(disk.path, flags | O_NONBLOCK));
    return prepare_image(image, disk, largest);
  };
  return prepare().transform_error(base::doing("disk image {}", disk.path));
}

Result<ImageSize> size_of_image(const base::Fd &image) {
  return ImageSize{.asked = TRY(read_header(image)).virtual_size,
                   .recorded = TRY(recorded_size(image))};
}

Result<> allow_size(const base::Fd &image, uint64_t bytes) {
  struct stat status{};
  if (::fstat(image.get(), &status) != 0)
    return base::fail_errno(errno, "look at it");
  if (!S_ISREG(status.st_mode))
    return fail("it is no file: a block device has the size that it has");
  const uint64_t asked = TRY(read_header(image)).virtual_size;
  if (asked > bytes)
    return fail("its header says that the disk has {}, more than {}: resize it (qemu-img resize), "
                "or say how large it is",
                size_text(asked), size_text(bytes));
  return record_size(image, bytes);
}

} // namespace linstub::disk
