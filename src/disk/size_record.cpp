// SPDX-License-Identifier: MIT
#include "disk/size_record.hpp"

#include "disk/disk_size.hpp"

#include <sys/xattr.h>

#include <array>
#include <string>

namespace linstub::disk {

base::Result<std::optional<uint64_t>> recorded_size(const base::Fd &image) {
  std::array<char, 32> text{};
  const ssize_t length = ::fgetxattr(image.get(), size_attribute, text.data(), text.size());
  if (length < 0 && (errno == ENODATA || errno == EOPNOTSUPP))
    return std::nullopt;
  if (length < 0)
    return base::fail_errno(errno, "read its attribute {}", size_attribute);
  return TRY(parse_size({text.data(), static_cast<size_t>(length)})
                 .transform_error(base::doing("its attribute {}", size_attribute)));
}

base::Result<> record_size(const base::Fd &image, uint64_t bytes) {
  const std::string text = std::to_string(bytes);
  if (::fsetxattr(image.get(), size_attribute, text.data(), text.size(), 0) != 0)
    return base::fail_errno(errno, "set its attribute {}", size_attribute);
  return {};
}

} // namespace linstub::disk
