// SPDX-License-Identifier: MIT
// Disk images of a guest: what is checked and done before they are attached to a stub domain.
//
// In the stub domain an image is a block device, which cannot grow, so the file of a qcow2 image
// that may be written to is made as long as it can ever get: a hole, which takes no space. How
// long, is not left to the image's header, which the guest's QEMU can write:
//
// - When an image is first used, the size in its header, if that is not above a limit of the host,
//   is put on record beside the file (size_record.hpp). The file gets room for that size.
// - From then on the record says how long the file may get. A header that asks for more is refused,
//   until an administrator has changed the record.
// - Where nothing can be put on record no file is lengthened: it has to be long enough.
//
// A raw image, and one on a block device, has the size that it has.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"
#include "disk/disk.hpp"

#include <cstdint>
#include <optional>

namespace linstub::disk {

// The size that the file of a qcow2 image has to have, in bytes, for a guest's disk of `size`
// bytes, whatever the image's clusters are like.
uint64_t file_size_for(uint64_t size);

// Checks that the image is there and usable, and makes room in it. `largest` is the size of a disk
// that a qcow2 header may ask for without a record.
//
// The image is found by its path here, and again when it is attached. A guest can change neither
// the path nor what it leads to; whoever can, in dom0, decides what the guest's disk is in any
// case.
base::Result<> prepare_disk(const Disk &disk, uint64_t largest);

// The same for an image that is open; the path of `disk` does not matter.
base::Result<> prepare_image(const base::Fd &image, const Disk &disk, uint64_t largest);

// --- For an administrator, of the file of a qcow2 image that is open ---

// The sizes of its disk, in bytes: what the header asks for, and what is on record.
struct ImageSize {
  uint64_t asked = 0;
  std::optional<uint64_t> recorded;
};
base::Result<ImageSize> size_of_image(const base::Fd &image);

// Puts on record that its disk may have that many bytes: at least as many as the header asks for.
base::Result<> allow_size(const base::Fd &image, uint64_t bytes);

} // namespace linstub::disk
