// SPDX-License-Identifier: MIT
// Files that are in memory only, for tests of what reads or writes a descriptor.
#pragma once

#include "base/fd.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <string_view>

namespace linstub::fake {

// With that content, to be read from its beginning.
inline base::Fd memory(std::string_view content = {}) {
  base::Fd fd(::memfd_create("test", MFD_CLOEXEC));
  EXPECT_TRUE(base::write_all(fd, content));
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

inline std::string content_of(const base::Fd &fd) {
  struct stat status{};
  ::fstat(fd.get(), &status);
  std::string text(static_cast<size_t>(status.st_size), '\0');
  EXPECT_EQ(::pread(fd.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  return text;
}

} // namespace linstub::fake
