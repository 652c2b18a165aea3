// SPDX-License-Identifier: MIT
// What the tests of state files have in common.
#pragma once

#include "base/fd.hpp"
#include "disk/saved_state.hpp"
#include "disk/state_file.hpp"
#include "wire/state_record.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <string_view>

namespace linstub::disk {

inline constexpr xen::DomId guest{32700};

inline base::Fd memory(std::string_view content) {
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

inline std::string header() {
  const SavedStateHeader bytes = saved_state_header();
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

// QEMU's bytes, as linstub-init would read them.
inline std::string state_in(const StateFile &file) {
  wire::StateRecordBytes first{};
  EXPECT_EQ(::pread(file.fd().get(), first.data(), first.size(), 0),
            static_cast<ssize_t>(first.size()));
  auto record = wire::decode_state_record(first);
  EXPECT_TRUE(record) << record.error().message();
  std::string text(record ? record->length : 0, '\0');
  EXPECT_EQ(::pread(file.fd().get(), text.data(), text.size(), wire::state_offset),
            static_cast<ssize_t>(text.size()));
  return text;
}

} // namespace linstub::disk
