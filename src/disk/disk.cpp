// SPDX-License-Identifier: MIT
#include "disk/disk.hpp"

namespace linstub::disk {

base::Result<DiskFormat> parse_format(std::string_view format) {
  if (format == "raw" || format == "host_device")
    return DiskFormat::raw;
  if (format == "qcow2")
    return DiskFormat::qcow2;
  return base::fail("the image format \"{}\" is not served: raw and qcow2 are", format);
}

} // namespace linstub::disk
