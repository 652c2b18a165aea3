// SPDX-License-Identifier: MIT
#include "dm/announcement.hpp"

#include <gmock/gmock.h>

namespace linstub::dm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Announcement, IsOfTheNicsThatTheFormerQemuHas) {
  EXPECT_THAT(nics_in("nic0: index=0,type=nic,model=e1000,macaddr=00:16:3e:6c:00:01\r\n"
                      " \\ net0: index=0,type=tap,ifname=vif1.0-emu,script=no,downscript=no\r\n"
                      "e1000.1: index=1,type=nic,model=e1000,macaddr=00:16:3e:6c:00:02\r\n"),
              ElementsAre("nic0", "e1000.1"));
  EXPECT_THAT(nics_in("net0: index=0,type=tap,ifname=vif1.0-emu,script=no,downscript=no\r\n"),
              IsEmpty())
      << "unplugged";
  EXPECT_EQ(announcement({"nic0", "e1000.1"}),
            R"({"initial":50,"max":550,"rounds":5,"step":100,"interfaces":["nic0","e1000.1"]})");
}

TEST(Announcement, TakesNoNameThatIsNotPlain) {
  EXPECT_THAT(nics_in(""), IsEmpty());
  EXPECT_THAT(nics_in("a\"b: index=0,type=nic,x\n\xff: index=0,type=nic,x\n: index=0,type=nic,x\n"
                      "nic0 index=0,type=nic,x\n" +
                      std::string(33, 'n') + ": index=0,type=nic,x\n"),
              IsEmpty());
  std::string many;
  for (int i = 0; i < 100; i++)
    many += "nic: index=0,type=nic,x\n";
  EXPECT_THAT(nics_in(many), SizeIs(16));
}

} // namespace
} // namespace linstub::dm
