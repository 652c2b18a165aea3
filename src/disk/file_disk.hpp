// A file of dom0 as a disk for linstub-init to copy it from. A loop device has whole sectors only,
// so a file of another length goes by way of a padded copy, which lives as long as this object.
#pragma once

#include "base/result.hpp"
#include "xen/domid.hpp"

#include <cstdint>
#include <string>

namespace linstub::disk {

class FileDisk {
public:
  // `label` tells the files of one guest apart.
  static base::Result<FileDisk> prepare(const std::string &file, xen::DomId guest,
                                        const std::string &label);
  FileDisk(FileDisk &&other) noexcept
      : path_(std::move(other.path_)), copy_(std::exchange(other.copy_, {})), size_(other.size_) {}
  FileDisk &operator=(FileDisk &&) = delete;
  FileDisk(const FileDisk &) = delete;
  FileDisk &operator=(const FileDisk &) = delete;
  ~FileDisk();

  // Removes the copies of a guest whose linstub-dm could not.
  static void remove_all(xen::DomId guest);

  [[nodiscard]] const std::string &path() const { return path_; } // what to attach
  [[nodiscard]] uint64_t size() const { return size_; }           // of the file, in bytes

private:
  FileDisk() = default;

  std::string path_;
  std::string copy_; // to be removed
  uint64_t size_ = 0;
};

} // namespace linstub::disk
