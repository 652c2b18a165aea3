// SPDX-License-Identifier: MIT
// What a stub domain runs put together: the table of contents, the programs' libraries, and what
// they are packed into.
#pragma once

#include "base/result.hpp"
#include "image/contents.hpp"
#include "image/erofs.hpp"
#include "image/packages.hpp"
#include "manifest/manifest.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace linstub::image {

struct RamdiskSources {
  std::filesystem::path root;    // "/", where packages are installed
  std::filesystem::path qemu;    // what build_qemu left
  std::filesystem::path init;    // linstub-init; what else is ours lies beside it
  std::filesystem::path scratch; // for stripped copies; empty
  std::string qemu_version;
  std::string linstub_version;
  // Which package a file of the root belongs to (image::owners).
  std::function<base::Result<std::map<std::string, Package>>(const std::vector<std::string> &)>
      owners;
  // The file system of what is in a directory (make_erofs(), or what it made before).
  std::function<base::Result<std::string>(const std::filesystem::path &, Packing)> pack;
};

struct Ramdisk {
  // newc, not compressed: linstub-init, and a packed file with all else but what is for the disk
  // alone.
  std::string archive;
  std::string init;   // the same without that file
  std::string system; // all but linstub-init, as it is
  std::vector<manifest::RamdiskFile> files;
  std::vector<Package> packages; // that files were taken from, sorted, each once
};

base::Result<Ramdisk> make_ramdisk(const std::vector<ContentLine> &contents,
                                   const RamdiskSources &sources);

} // namespace linstub::image
