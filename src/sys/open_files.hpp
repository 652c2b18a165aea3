// SPDX-License-Identifier: MIT
// Which files a process has open, and when files are closed.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <sys/types.h>

#include <map>
#include <string>

namespace linstub::sys {

// Whether the process has the file of that name open, by that name. Device nodes too.
base::Result<bool> has_open(pid_t pid, const std::string &path);

// Tells that some of the watched files were closed, by whomever: a reason to look again. By then
// what was written to them through that descriptor can be read through others.
class FileCloses {
public:
  static base::Result<FileCloses> open();

  // Again for one that is watched is no error; nor is it for one that is not.
  base::Result<> watch(const std::string &path);
  void unwatch(const std::string &path);

  // Readable when one was closed; drain() takes all that was told.
  [[nodiscard]] int fd() const { return fd_.get(); }
  void drain();

private:
  explicit FileCloses(base::Fd fd) : fd_(std::move(fd)) {}

  base::Fd fd_;
  std::map<std::string, int> watched_;
};

} // namespace linstub::sys
