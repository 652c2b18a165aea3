// SPDX-License-Identifier: MIT
#include "disk/tpm_state.hpp"

#include "base/fd.hpp"
#include "disk/file_io.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

namespace linstub::disk {
namespace {

using base::Result;

// The header: SWTPM_NVSTORE_LINEAR_MAGIC, little endian, four bytes more, then for each of what is
// kept, was kept while there was power, and a TPM 1.2's: offset, length, room, of 32 bits.
constexpr std::array<char, 8> magic{'n', 'i', 'l', 'm', 'p', 't', 'w', 's'};
constexpr uint64_t volatile_entry = 24;
constexpr size_t entry_size = 12;

bool is_state(std::span<const char> start) {
  return std::ranges::equal(magic, start.first<magic.size()>());
}

base::Fd make_state(const std::string &path) {
  constexpr mode_t roots_alone = 0600;
  return base::Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, roots_alone));
}

Result<> give_room(const base::Fd &file, const std::string &path) {
  if (::fallocate(file.get(), 0, 0, static_cast<off_t>(tpm_state_size)) == 0 || errno == ENODEV ||
      errno == EOPNOTSUPP) // a block device; a file system without a way
    return {};
  return base::fail_errno(errno, "give {} {} bytes of room", path, tpm_state_size);
}

Result<> check_state(const base::Fd &file, const std::string &path) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0)
    return base::fail_errno(errno, "look at {}", path);
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
    return base::fail("{} is neither a file nor a block device", path);
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  if (size < 0)
    return base::fail_errno(errno, "look at {}", path);
  const auto bytes = static_cast<uint64_t>(size);
  if (bytes < tpm_state_size || bytes > largest_tpm_state)
    return base::fail("{} has {} bytes, and {} to {} are needed: name a file that is not there, "
                      "and it is made",
                      path, bytes, tpm_state_size, largest_tpm_state);
  std::vector<char> start(tpm_state_size);
  if (TRY(read_at(file, std::as_writable_bytes(std::span(start)), 0)) != start.size())
    return base::fail("{} cannot be read", path);
  if (!is_state(start) && std::ranges::any_of(start, [](char byte) { return byte != 0; }))
    return base::fail("{} has something else in it: name a file that is not there, and it is made",
                      path);
  return {};
}

Result<> prepare(const std::string &path) {
  if (const base::Fd made = make_state(path)) {
    auto room = ::ftruncate(made.get(), static_cast<off_t>(tpm_state_size)) == 0
                    ? give_room(made, path)
                    : base::fail_errno(errno, "make {} {} bytes long", path, tpm_state_size);
    if (!room)
      ::unlink(path.c_str());
    return room;
  }
  if (errno != EEXIST)
    return base::fail_errno(errno, "make {}", path);
  // Not blocking: a pipe is looked at, and refused.
  const base::Fd file = TRY(base::open_file(path, O_RDWR | O_NONBLOCK));
  TRY(check_state(file, path));
  return give_room(file, path);
}

} // namespace

Result<> prepare_tpm_state(const std::string &path) {
  return prepare(path).transform_error(base::doing("the state of the guest's TPM"));
}

Result<> power_off_tpm(const std::string &path) {
  const base::Fd file = TRY(base::open_file(path, O_RDWR));
  std::array<char, magic.size()> start{};
  if (TRY(read_at(file, std::as_writable_bytes(std::span(start)), 0)) != start.size() ||
      !is_state(start))
    return {};
  TRY(write_at(file, std::array<std::byte, entry_size>{}, volatile_entry)
          .transform_error(base::doing("write to {}", path)));
  if (::fdatasync(file.get()) != 0)
    return base::fail_errno(errno, "write to {}", path);
  return {};
}

} // namespace linstub::disk
