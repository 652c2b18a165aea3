// SPDX-License-Identifier: MIT
#include "disk/disk.hpp"

namespace linstub::disk {

base::Result<DiskFormat> parse_format(std::string_view format) {
  if (format == "raw" || format == "host_device")
    return DiskFormat::raw;
  if (format == "qcow2")
    return DiskFormat::qcow2;
  return base::fail(
      "the image format \"{}\" is not served: convert the image to raw or qcow2 with qemu-img",
      format);
}

} // namespace linstub::disk
