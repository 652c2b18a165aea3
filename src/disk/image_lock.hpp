// SPDX-License-Identifier: MIT
// ImageLock: keeps the programs of dom0, and other guests' device models, off a disk image as long
// as a stub domain has it, and this guest off what they have.
//
// These are the locks that QEMU, qemu-img, qemu-io and qemu-nbd put on an image and look for
// (QEMU's block/file-posix.c): each permission that somebody has on the content is a byte of the
// file from 100 on, each that he lets nobody else have one from 200 on, and a shared lock of an
// open file description on that byte says so. The kernel keeps them on files and on block devices,
// and gives them up when the last descriptor is closed, however a process ends. QEMU in the stub
// domain puts none on them: it sees a disk of its own.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"
#include "disk/disk.hpp"

namespace linstub::disk {

class ImageLock {
public:
  // Opens the image anew. If somebody else has it the error has the code EBUSY, and names who, as
  // far as that can be seen in /proc.
  static base::Result<ImageLock> take(const std::string &path, DiskMode mode);

private:
  explicit ImageLock(base::Fd fd) : fd_(std::move(fd)) {}

  base::Fd fd_;
};

} // namespace linstub::disk
