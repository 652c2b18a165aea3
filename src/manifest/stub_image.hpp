// SPDX-License-Identifier: MIT
// The stub domain image: a directory that `linstub image build` has made. It is checked before
// anything is made, so that what is wrong with it is said at once.
//
//   kernel         what each stub domain boots
//   init, system   a ramdisk with linstub-init alone, and a disk with all else, for reading only:
//                  one file that all stub domains of the host have in common
//   ramdisk        in place of both, for who has no such disk (libxl's own mode): all in one,
//                  packed
//   manifest.json  what the others are
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"
#include "manifest/manifest.hpp"

#include <string>

namespace linstub::manifest {

// Its files stay open: what was checked is what is booted, and an image that is replaced on disk
// can still be gone back to.
struct Image {
  std::string directory;
  base::Fd kernel_file;
  base::Fd ramdisk_file;
  base::Fd init_file;
  base::Fd system_file;
  Identity identity;

  // Paths for other processes of dom0, as long as this object lives.
  [[nodiscard]] std::string kernel() const;
  [[nodiscard]] std::string ramdisk() const;
  [[nodiscard]] std::string init() const;
  [[nodiscard]] std::string system() const;
};

// Checks that the files are there, that they are of their kinds and have the sizes in the manifest,
// and that the image was built for this Xen. Digests are checked when an image is installed, not at
// each start of a guest: they would cost more than all of the rest.
base::Result<Image> check_image(const std::string &directory, const std::string &xen);

} // namespace linstub::manifest
