// SPDX-License-Identifier: MIT
#include "fake/size_record.hpp"

#include "disk/size_record.hpp"

#include <sys/stat.h>

namespace linstub::fake {

SizeRecords &size_records() {
  static SizeRecords all;
  return all;
}

} // namespace linstub::fake

namespace linstub::disk {
namespace {

ino_t file_number(const base::Fd &image) {
  struct stat status{};
  ::fstat(image.get(), &status);
  return status.st_ino;
}

} // namespace

base::Result<std::optional<uint64_t>> recorded_size(const base::Fd &image) {
  const auto &sizes = fake::size_records().sizes;
  auto found = sizes.find(file_number(image));
  return found == sizes.end() ? std::nullopt : std::optional(found->second);
}

base::Result<> record_size(const base::Fd &image, uint64_t bytes) {
  if (const int code = fake::size_records().refuses; code != 0)
    return base::fail_errno(code, "set its attribute");
  fake::size_records().sizes[file_number(image)] = bytes;
  return {};
}

} // namespace linstub::disk
