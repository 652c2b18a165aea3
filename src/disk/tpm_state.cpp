// SPDX-License-Identifier: MIT
#include "disk/tpm_state.hpp"

#include "base/fd.hpp"
#include "disk/file_io.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace linstub::disk {
namespace {

using base::Result;

// swtpm's SWTPM_NVSTORE_LINEAR_MAGIC (its swtpm_nvstore_linear.h), little endian.
constexpr std::array<char, 8> magic{'n', 'i', 'l', 'm', 'p', 't', 'w', 's'};

Result<> make_state(const std::string &path) {
  constexpr mode_t roots_alone = 0600;
  const base::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, roots_alone));
  if (!file)
    return base::fail_errno(errno, "make {}", path);
  if (::ftruncate(file.get(), static_cast<off_t>(tpm_state_size)) == 0)
    return {};
  const int error = errno;
  ::unlink(path.c_str());
  return base::fail_errno(error, "give {} room", path);
}

Result<> check_state(const std::string &path) {
  const base::Fd file = TRY(base::open_file(path, O_RDONLY));
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  if (size < 0)
    return base::fail_errno(errno, "look at {}", path);
  if (static_cast<uint64_t>(size) < tpm_state_size)
    return base::fail(
        "{} has {} bytes, and {} are needed: name a file that is not there, and it is "
        "made",
        path, size, tpm_state_size);
  std::array<char, 4096> start{};
  if (TRY(read_at(file, std::as_writable_bytes(std::span(start)), 0)) != start.size())
    return base::fail("{} cannot be read", path);
  const bool unused = std::ranges::count(start, 0) == std::ssize(start);
  if (!unused && !std::ranges::equal(magic, std::span(start).first<magic.size()>()))
    return base::fail("{} has something else in it: name a file that is not there, and it is made",
                      path);
  return {};
}

} // namespace

Result<> prepare_tpm_state(const std::string &path) {
  const bool there = ::access(path.c_str(), F_OK) == 0;
  return (there ? check_state(path) : make_state(path))
      .transform_error(base::doing("the state of the guest's TPM"));
}

} // namespace linstub::disk
