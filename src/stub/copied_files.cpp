// SPDX-License-Identifier: MIT
#include "stub/copied_files.hpp"

#include "sys/direct_disk.hpp"
#include "wire/paths.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace linstub::stub {
namespace {

base::Result<> copy(const wire::CopiedFile &file, base::Deadline deadline) {
  auto disk = TRY(sys::DirectDisk::open("/dev/" + file.device, sys::DiskAccess::read));
  // Readable for QEMU, which runs as another user.
  base::Fd target = TRY(base::open_file(file.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
  for (uint64_t done = 0; done < file.size;) {
    size_t got = TRY(disk.read(done, deadline));
    if (got == 0)
      return base::fail("/dev/{} ends {} bytes before the file does", file.device,
                        file.size - done);
    size_t count = std::min<uint64_t>(got, file.size - done);
    TRY(base::write_all(target, disk.buffer().first(count)));
    done += count;
  }
  return {};
}

} // namespace

base::Result<> copy_files(std::span<const wire::CopiedFile> files, base::Deadline deadline) {
  if (!files.empty() && ::mkdir(wire::files_directory, 0755) != 0 && errno != EEXIST)
    return base::fail_errno(errno, "make directory {}", wire::files_directory);
  for (const wire::CopiedFile &file : files)
    TRY(copy(file, deadline)
            .transform_error(
                base::doing("copy {} bytes of /dev/{} to {}", file.size, file.device, file.path)));
  return {};
}

void remove_files(std::span<const wire::CopiedFile> files) {
  for (const wire::CopiedFile &file : files)
    ::unlink(file.path.c_str());
}

} // namespace linstub::stub
