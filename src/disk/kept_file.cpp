// SPDX-License-Identifier: MIT
#include "disk/kept_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

namespace linstub::disk {

base::Result<KeptFile> KeptFile::keep(const base::Fd &file) {
  base::Fd own(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
  if (!own)
    return base::fail_errno(errno, "keep a file open");
  return KeptFile(std::move(own));
}

std::string KeptFile::path() const { return base::format("/proc/{}/fd/{}", ::getpid(), fd_.get()); }

std::string KeptFile::name() const {
  std::error_code error;
  return std::filesystem::read_symlink(path(), error).string();
}

} // namespace linstub::disk
