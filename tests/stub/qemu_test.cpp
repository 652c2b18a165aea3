// SPDX-License-Identifier: MIT
#include "stub/qemu.hpp"

#include <gtest/gtest.h>

namespace linstub::stub {
namespace {

TEST(Qemu, WhatItComplainsOfAtEachStartIsHarmless) {
  EXPECT_TRUE(is_harmless("xen be core: xs_mkdir device-model/1/backends/vkbd: failed"));
  EXPECT_TRUE(is_harmless("qemu-system-i386: warning: QEMU's maximum size of virtual memory is "
                          "not infinity"));
  EXPECT_FALSE(
      is_harmless("qemu-system-i386: -device foo: 'foo' is not a valid device model name"));
  EXPECT_FALSE(is_harmless(""));
}

} // namespace
} // namespace linstub::stub
