// SPDX-License-Identifier: MIT
#include "disk/image_lock.hpp"

#include "disk/file_users.hpp"

#include <fcntl.h>

#include <array>
#include <span>

namespace linstub::disk {
namespace {

using base::Result;

// QEMU's BLK_PERM_*, as numbers of bits.
enum Permission : uint8_t { read, write, write_unchanged, resize };
constexpr off_t first_held = 100;
constexpr off_t first_denied = 200;

// What a guest's device has, and lets nobody else have, as QEMU in dom0 would say it.
constexpr std::array writer{read, write, write_unchanged, resize};
constexpr std::array reader{read};
constexpr std::array denied{write, resize};

std::span<const Permission> held_by(DiskMode mode) {
  return mode == DiskMode::read_write ? std::span<const Permission>(writer) : reader;
}

struct flock byte_lock(off_t at, short type) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = at;
  lock.l_len = 1;
  return lock;
}

Result<> lock(const base::Fd &image, off_t at) {
  struct flock wanted = byte_lock(at, F_RDLCK);
  if (::fcntl(image.get(), F_OFD_SETLK, &wanted) != 0)
    return base::fail_errno(errno, "lock byte {} of it, as QEMU does", at);
  return {};
}

// Whether somebody else has a lock there.
Result<bool> is_locked(const base::Fd &image, off_t at) {
  struct flock found = byte_lock(at, F_WRLCK);
  if (::fcntl(image.get(), F_OFD_GETLK, &found) != 0)
    return base::fail_errno(errno, "look for a lock on byte {} of it, as QEMU does", at);
  return found.l_type != F_UNLCK;
}

Result<bool> excluded(const base::Fd &image, std::span<const Permission> held) {
  for (const Permission permission : held) {
    if (TRY(is_locked(image, first_denied + permission)))
      return true;
  }
  for (const Permission permission : denied) {
    if (TRY(is_locked(image, first_held + permission)))
      return true;
  }
  return false;
}

// First one's own, then a look at the others': of two at the same time one at least sees the other.
Result<> claim(const base::Fd &image, DiskMode mode) {
  for (const Permission permission : held_by(mode))
    TRY(lock(image, first_held + permission));
  for (const Permission permission : denied)
    TRY(lock(image, first_denied + permission));
  if (TRY(excluded(image, held_by(mode))))
    return std::unexpected(base::Error(
        base::format("{} has it, and who writes to an image has it alone: end that first, or have "
                     "both only read it",
                     users_of(image)),
        EBUSY));
  return {};
}

} // namespace

Result<ImageLock> ImageLock::take(const std::string &path, DiskMode mode) {
  auto take = [&]() -> Result<ImageLock> {
    base::Fd image = TRY(base::open_file(path, O_RDONLY | O_NONBLOCK));
    TRY(claim(image, mode));
    return ImageLock(std::move(image));
  };
  return take().transform_error(base::doing("disk image {}", path));
}

} // namespace linstub::disk
