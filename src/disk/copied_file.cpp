// SPDX-License-Identifier: MIT
#include "disk/copied_file.hpp"

#include "base/fd.hpp"
#include "run/directory.hpp"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

namespace linstub::disk {

base::Result<CopiedFile> CopiedFile::prepare(const std::string &file, xen::DomId guest,
                                             const std::string &label) {
  CopiedFile disk;
  base::Fd in = TRY(base::open_file(file, O_RDONLY));
  struct stat status{};
  if (::fstat(in.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return base::fail("{} is not a file", file);
  disk.size_ = static_cast<uint64_t>(status.st_size);
  if (disk.size_ == 0)
    return base::fail("{} is empty", file);
  constexpr uint64_t sector = 512;
  if (disk.size_ % sector == 0) {
    disk.path_ = file;
    return disk;
  }
  TRY(run::make_directory());
  disk.path_ = run::path_of(guest, label);
  disk.copy_ = disk.path_;
  base::Fd out = TRY(base::open_file(disk.copy_, O_WRONLY | O_CREAT | O_TRUNC));
  uint64_t left = disk.size_;
  while (left > 0) {
    ssize_t copied = ::sendfile(out.get(), in.get(), nullptr, left);
    if (copied <= 0)
      return base::fail_errno(copied == 0 ? EIO : errno, "copy {} to {}", file, disk.copy_);
    left -= static_cast<uint64_t>(copied);
  }
  uint64_t padded = (disk.size_ + sector - 1) / sector * sector;
  if (::ftruncate(out.get(), static_cast<off_t>(padded)) != 0)
    return base::fail_errno(errno, "pad {}", disk.copy_);
  return disk;
}

CopiedFile::~CopiedFile() {
  if (!copy_.empty())
    ::unlink(copy_.c_str());
}

} // namespace linstub::disk
