// What dom0 tells the stub domain through xenstore.
#pragma once

#include "base/log.hpp"
#include "base/result.hpp"
#include "stub/lifecycle.hpp"
#include "xen/xenstore.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace linstub::stub {

// A file of dom0 that comes on a disk (wire/paths.hpp).
struct CarriedFile {
  std::string device; // "xvdX"
  uint64_t size = 0;
  std::string path; // below wire::files_directory
};

struct Settings {
  Mode mode = Mode::linstub;
  xen::DomId self{};
  xen::DomId target{};
  base::LogLevel log_level = base::LogLevel::info;
  std::vector<CarriedFile> files;
  std::vector<std::string> arguments; // QEMU's, without argv[0]
};

// Reads all of it, bounded and strictly.
base::Result<Settings> read_settings(xen::Xenstore &xenstore);

// Whether `path` names a file directly in wire::files_directory, and nothing else.
bool is_carried_path(const std::string &path);

} // namespace linstub::stub
