// SPDX-License-Identifier: MIT
// Disk: a file or block device of dom0 that becomes a PV disk of a stub domain.
#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace linstub::disk {

enum class DiskFormat { raw, qcow2 };
enum class DiskMode { read_only, read_write };

struct Disk {
  std::string path; // in dom0
  std::string vdev; // in the stub domain: xvda, xvdb, ... (xen/vbd.hpp)
  DiskFormat format = DiskFormat::raw;
  DiskMode mode = DiskMode::read_write;

  bool operator==(const Disk &) const = default;
};

// As QEMU calls it; an error for one that is not served.
base::Result<DiskFormat> parse_format(std::string_view format);

// The other way round.
constexpr std::string_view format_name(DiskFormat format) {
  return format == DiskFormat::qcow2 ? "qcow2" : "raw";
}

} // namespace linstub::disk
