// SPDX-License-Identifier: MIT
// The works that are in an image, and what Debian's copyright files say of them.
#pragma once

#include "base/result.hpp"
#include "image/apt.hpp"
#include "image/contents.hpp"
#include "image/packages.hpp"
#include "manifest/manifest.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace linstub::image {

struct ComponentSources {
  std::filesystem::path root; // "/", where packages are installed, their copyright files too
  Package kernel;             // that has the kernel's source
  SourcePackage qemu;
  std::vector<Package> ramdisk; // that files of the ramdisk were taken from
  std::vector<Package> linked;  // linked_packages() of the contents
  std::string linstub_version;
};

struct Components {
  std::vector<manifest::Component> list;         // sorted by name
  std::map<std::string, std::string> copyrights; // by component, as they are
};

// `contents` tells what is linked into programs of the ramdisk. A package without its copyright
// file is an error: what is in an image without a licence could not be given to anybody.
base::Result<Components> find_components(const std::vector<ContentLine> &contents,
                                         const ComponentSources &sources);

// The packages that the contents name as linked into a program.
base::Result<std::vector<Package>> linked_packages(const std::vector<ContentLine> &contents);

// Linstub's own licence, the file LICENSE of this source.
std::string_view own_licence();

} // namespace linstub::image
