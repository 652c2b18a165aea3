// SPDX-License-Identifier: MIT
#include "dm/announcement.hpp"

#include <gtest/gtest.h>

#include <array>

namespace linstub::dm {
namespace {

const std::array nics{plan::Nic{.index = 0, .interface = {}, .bridge = {}, .mac = {}},
                      plan::Nic{.index = 2, .interface = {}, .bridge = {}, .mac = {}}};

TEST(Announcement, IsOfTheNicsThatNoPvDriverStandsInFor) {
  EXPECT_EQ(announcement(nics, 0),
            R"({"initial":50,"max":550,"rounds":5,"step":100,"interfaces":["nic0","nic2"]})");
  EXPECT_EQ(announcement(nics, 0b001),
            R"({"initial":50,"max":550,"rounds":5,"step":100,"interfaces":["nic2"]})");
}

TEST(Announcement, IsNoneWhereTheGuestHasPvDriversOrNoNics) {
  EXPECT_EQ(announcement(nics, 0b101), std::nullopt);
  EXPECT_EQ(announcement({}, 0), std::nullopt);
}

} // namespace
} // namespace linstub::dm
