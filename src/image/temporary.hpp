// SPDX-License-Identifier: MIT
// A directory that goes when its owner does.
#pragma once

#include "base/result.hpp"

#include <filesystem>
#include <utility>

namespace linstub::image {

class TemporaryDirectory {
public:
  // A new empty directory below `parent`.
  static base::Result<TemporaryDirectory> make(const std::filesystem::path &parent);

  TemporaryDirectory(TemporaryDirectory &&other) noexcept
      : path_(std::exchange(other.path_, std::filesystem::path())) {}
  TemporaryDirectory(const TemporaryDirectory &) = delete;
  TemporaryDirectory &operator=(const TemporaryDirectory &) = delete;
  TemporaryDirectory &operator=(TemporaryDirectory &&) = delete;
  ~TemporaryDirectory();

  [[nodiscard]] const std::filesystem::path &path() const { return path_; }

private:
  explicit TemporaryDirectory(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
};

} // namespace linstub::image
