// SPDX-License-Identifier: MIT
#include "run/directory.hpp"

#include "run/status.hpp"

#include <sys/stat.h>

#include <filesystem>

namespace linstub::run {

base::Result<> make_directory() {
  if (::mkdir(directory(), 0755) != 0 && errno != EEXIST)
    return base::fail_errno(errno, "make {}", directory());
  return {};
}

std::string path_of(xen::DomId guest, std::string_view label) {
  return base::format("{}/{}-{}", directory(), guest, label);
}

void remove_files(xen::DomId guest) {
  std::string start = path_of(guest, "");
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator(directory(), error)) {
    // A guest's name may begin like that, too.
    const std::string path = entry.path().string();
    if (path.starts_with(start) && !path.starts_with(path_of(guest, stub_record)) &&
        entry.path().extension() != status_suffix)
      std::filesystem::remove(entry.path(), error);
  }
}

} // namespace linstub::run
