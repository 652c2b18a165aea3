// SPDX-License-Identifier: MIT
// The stub domain image: a directory with kernel, ramdisk and manifest.json (made by `linstub image
// build`). It is checked before anything is made, so that what is wrong with it is said at once.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"
#include "manifest/manifest.hpp"

#include <string>

namespace linstub::manifest {

// Kernel and ramdisk stay open: what was checked is what is booted, and an image that is replaced
// on disk can still be gone back to.
struct Image {
  std::string directory;
  base::Fd kernel_file;
  base::Fd ramdisk_file;
  Identity identity;

  // Paths for other processes of dom0, as long as this object lives.
  [[nodiscard]] std::string kernel() const;
  [[nodiscard]] std::string ramdisk() const;
};

// Checks that the files are there, that they are a kernel and a zstd-compressed ramdisk of the
// sizes in the manifest, and that the image was built for this Xen. Digests are checked when an
// image is installed, not at each start of a guest: they would cost more than all of the rest.
base::Result<Image> check_image(const std::string &directory, const std::string &xen);

} // namespace linstub::manifest
