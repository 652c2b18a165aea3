// SPDX-License-Identifier: MIT
#include "xen/xenbus.hpp"

#include <gtest/gtest.h>

namespace linstub::xen {
namespace {

TEST(XenbusState, IsReadStrictly) {
  for (uint8_t state = 0; state <= std::to_underlying(last_xenbus_state); state++)
    EXPECT_EQ(parse_xenbus_state(text(XenbusState{state})), XenbusState{state});
  for (const char *other : {"", "9", "10", "04", "-1", "+4", "4 ", " 4", "4\n", "connected", "0x4",
                            "4294967300", "99999999999999999999"})
    EXPECT_EQ(parse_xenbus_state(other), XenbusState::unknown) << other;
}

} // namespace
} // namespace linstub::xen
