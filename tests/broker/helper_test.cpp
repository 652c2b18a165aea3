// SPDX-License-Identifier: MIT
#include "broker/helper.hpp"

#include <gmock/gmock.h>

namespace linstub::broker {
namespace {

TEST(LibxlError, LosesItsPlaceInTheSource) {
  EXPECT_EQ(libxl_error("libxl: error: libxl_device.c:1389:cb: script: no such image"),
            "script: no such image");
  EXPECT_EQ(libxl_error("libxl: warning: x"), "");
}

} // namespace
} // namespace linstub::broker
