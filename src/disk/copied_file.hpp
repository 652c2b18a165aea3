// SPDX-License-Identifier: MIT
// CopiedFile: a file of dom0 that linstub-init copies into the stub domain (wire/copied_file.hpp),
// as a disk. A loop device has whole sectors only, so the disk of a file of another length is a
// padded copy of it, which lives as long as this object.
#pragma once

#include "base/result.hpp"
#include "xen/domid.hpp"

#include <cstdint>
#include <string>

namespace linstub::disk {

class CopiedFile {
public:
  // `label` tells the files of one guest apart.
  static base::Result<CopiedFile> prepare(const std::string &file, xen::DomId guest,
                                          const std::string &label);
  CopiedFile(CopiedFile &&other) noexcept
      : path_(std::move(other.path_)), copy_(std::exchange(other.copy_, {})), size_(other.size_) {}
  CopiedFile &operator=(CopiedFile &&) = delete;
  CopiedFile(const CopiedFile &) = delete;
  CopiedFile &operator=(const CopiedFile &) = delete;
  ~CopiedFile();

  [[nodiscard]] const std::string &path() const { return path_; } // what to attach
  [[nodiscard]] uint64_t size() const { return size_; }           // of the file, in bytes

private:
  CopiedFile() = default;

  std::string path_;
  std::string copy_; // to be removed
  uint64_t size_ = 0;
};

} // namespace linstub::disk
