// SPDX-License-Identifier: MIT
#include "dm/own_scope.hpp"

#include <gmock/gmock.h>

namespace linstub::dm {
namespace {

TEST(OwnScope, IsForProcessesOfASessionAlone) {
  EXPECT_TRUE(is_of_session("0::/user.slice/user-0.slice/session-3.scope\n"));
  EXPECT_TRUE(is_of_session("1:name=systemd:/user.slice/user-0.slice/session-3.scope\n"));
  for (const char *other : {"0::/system.slice/xendomains.service\n", "0::/\n", "",
                            "0::/system.slice/libvirtd.service\n"})
    EXPECT_FALSE(is_of_session(other)) << other;
}

TEST(OwnScope, HasAllProcessesAndEndsAfterGuestsAreSaved) {
  const std::array<pid_t, 3> processes{518, 519, 520};
  const auto argv = scope_command(xen::DomId{5}, processes);
  EXPECT_THAT(argv, testing::Contains("linstub-5-518.scope"));
  const std::vector<std::string> end{"PIDs", "au", "3", "518", "519", "520", "0"};
  ASSERT_GE(argv.size(), end.size());
  EXPECT_TRUE(std::equal(end.rbegin(), end.rend(), argv.rbegin()));
  EXPECT_THAT(argv, testing::IsSupersetOf({"Before", "xendomains.service"}));
}

} // namespace
} // namespace linstub::dm
