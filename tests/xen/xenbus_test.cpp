// SPDX-License-Identifier: MIT
#include "fake/xenstore.hpp"
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

TEST(XenbusState, OfANodeIsUnknownWhateverElseStandsThere) {
  fake::Xenstore store;
  Xenstore client = Xenstore::connect().value();
  const std::string node = "/local/domain/6/device/vbd/51712/state";
  EXPECT_EQ(read_xenbus_state(client, node), XenbusState::unknown) << "there is none";
  store.write(node, "4");
  EXPECT_EQ(read_xenbus_state(client, node), XenbusState::connected);
  for (const std::string &other :
       {std::string("four"), std::string(17, '4'), std::string(4096, 'x')}) {
    store.write(node, other);
    EXPECT_EQ(read_xenbus_state(client, node), XenbusState::unknown) << other.size();
  }
}

} // namespace
} // namespace linstub::xen
