// SPDX-License-Identifier: MIT
#include "image/temporary.hpp"

#include <cstdlib>

namespace linstub::image {

base::Result<TemporaryDirectory> TemporaryDirectory::make(const std::filesystem::path &parent) {
  std::string name = parent / "tmp.XXXXXX";
  if (::mkdtemp(name.data()) == nullptr)
    return base::fail_errno(errno, "make a directory in {}", parent.string());
  return TemporaryDirectory(std::move(name));
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  if (!path_.empty())
    std::filesystem::remove_all(path_, ignored);
}

} // namespace linstub::image
