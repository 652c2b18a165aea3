// SPDX-License-Identifier: MIT
// KeptFile: a file or block device of dom0 that is held open, so that it can be attached, now and
// again later, by a path that leads to this very file, whatever becomes of its name meanwhile: no
// name is looked up a second time.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <string>

namespace linstub::disk {

class KeptFile {
public:
  // Of a file that somebody else has opened, who may close it.
  static base::Result<KeptFile> keep(const base::Fd &file);

  [[nodiscard]] const base::Fd &fd() const { return fd_; }

  // Leads to the file in every process of dom0's root, as long as this object and its process live.
  // Opened, it is opened anew, with rights and position of its own.
  [[nodiscard]] std::string path() const;

  // What it is called now, for sentences only: another file can have that name.
  [[nodiscard]] std::string name() const;

private:
  explicit KeptFile(base::Fd fd) : fd_(std::move(fd)) {}

  base::Fd fd_;
};

} // namespace linstub::disk
