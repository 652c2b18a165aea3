// SPDX-License-Identifier: MIT
// WriteBack: fsync(2) of a disk or file, that nobody waits for (man 2 io_submit).
//
// Who has closed a disk may still be writing it back: the kernel tells of a close first, and then
// writes what is in the page cache (fs/file_table.c, __fput(); block/bdev.c, bdev_release()). An
// fsync() waits for that too, through whatever descriptor.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <string>

namespace linstub::sys {

class WriteBack {
public:
  static base::Result<WriteBack> begin(const std::string &path);
  WriteBack(WriteBack &&other) noexcept;
  WriteBack &operator=(WriteBack &&) = delete;
  WriteBack(const WriteBack &) = delete;
  WriteBack &operator=(const WriteBack &) = delete;
  ~WriteBack();

  // Readable when it is done.
  [[nodiscard]] int fd() const { return done_.get(); }

  // Once, when it is done: an error says what the disk has not taken.
  base::Result<> result();

private:
  WriteBack(std::string path, base::Fd file, base::Fd done)
      : path_(std::move(path)), file_(std::move(file)), done_(std::move(done)) {}

  std::string path_;
  base::Fd file_;
  base::Fd done_;
  unsigned long context_ = 0;
  bool under_way_ = false;
};

} // namespace linstub::sys
