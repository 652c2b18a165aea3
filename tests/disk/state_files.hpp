// SPDX-License-Identifier: MIT
// What the tests of state files have in common.
#pragma once

#include "base/fd.hpp"
#include "disk/saved_state.hpp"
#include "disk/state_file.hpp"
#include "fake/memory_file.hpp"
#include "wire/state_record.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <string>
#include <string_view>

namespace linstub::disk {

inline constexpr xen::DomId guest{32700};

using fake::content_of;
using fake::memory;

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
