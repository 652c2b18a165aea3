// SPDX-License-Identifier: MIT
// What an image is going to be made from, found before anything is compiled.
#pragma once

#include "base/result.hpp"
#include "cache/cache.hpp"
#include "image/apt.hpp"
#include "image/image_build.hpp"
#include "image/packages.hpp"
#include "manifest/manifest.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace linstub::image {

// Below the recipes.
constexpr const char *kernel_options_recipe = "kernel/linstub.config";
constexpr const char *kernel_layout_recipe = "kernel/layout.h";

struct ImageInputs {
  std::string suite;
  std::string xen;               // release of the Xen libraries that are installed
  std::filesystem::path tarball; // the kernel's source
  Package kernel;                // which has it
  SourcePackage qemu;
  std::vector<manifest::Input> inputs; // all of them but the packages that ramdisk files come from
  cache::Key kernel_key;               // everything that the kernel is made from
  cache::Key qemu_key;                 // everything that QEMU is made from
  cache::Key system_key;               // what packs the files of the ramdisk, and which they are
};

// Looks at the root that we run in, which must be of the suite that the recipes name, and gets
// QEMU's source from the cache or from the archive.
base::Result<ImageInputs> find_inputs(const BuildOptions &options, const cache::Cache &cache);

// "4.20" of "4.20.4+63-g7abfd2bce2-0+deb13u1"; an error for what does not start like that.
base::Result<std::string> xen_release(std::string_view package_version);

} // namespace linstub::image
