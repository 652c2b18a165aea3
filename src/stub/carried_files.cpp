#include "stub/carried_files.hpp"

#include "sys/disk_reader.hpp"
#include "wire/paths.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace linstub::stub {
namespace {

base::Result<> copy(const CarriedFile &file, base::Deadline deadline) {
  sys::DiskReader reader = TRY(sys::DiskReader::open("/dev/" + file.device));
  // Readable for QEMU, which runs as another user.
  base::Fd target = TRY(base::open_file(file.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
  uint64_t left = file.size;
  while (left > 0) {
    auto bytes = TRY(reader.next(deadline));
    if (bytes.empty())
      return base::fail("/dev/{} ends {} bytes before the file does", file.device, left);
    bytes = bytes.first(std::min<uint64_t>(bytes.size(), left));
    TRY(base::write_all(target, bytes));
    left -= bytes.size();
  }
  return {};
}

} // namespace

base::Result<> copy_files(std::span<const CarriedFile> files, base::Deadline deadline) {
  if (!files.empty() && ::mkdir(wire::files_directory, 0755) != 0 && errno != EEXIST)
    return base::fail_errno(errno, "make directory {}", wire::files_directory);
  for (const CarriedFile &file : files)
    TRY(copy(file, deadline)
            .transform_error(
                base::doing("copy {} bytes of /dev/{} to {}", file.size, file.device, file.path)));
  return {};
}

void remove_files(std::span<const CarriedFile> files) {
  for (const CarriedFile &file : files)
    ::unlink(file.path.c_str());
}

} // namespace linstub::stub
