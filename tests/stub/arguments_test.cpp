// SPDX-License-Identifier: MIT
#include "stub/arguments.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace linstub::stub {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Arguments = std::vector<std::string>;

base::Result<Arguments> translated(const Arguments &arguments, Mode mode = Mode::linstub,
                                   bool files_here = true) {
  Handover handover{
      .tap = [](unsigned int nic) -> base::Result<int> { return static_cast<int>(10 + nic); },
      .console = [](unsigned int console, int flags) -> base::Result<int> {
        return static_cast<int>((flags == O_RDONLY ? 20 : 30) + console);
      },
      .tpm = [](const std::string &disk) -> base::Result<int> { return disk == "xvdc" ? 40 : 41; },
  };
  return translate(arguments, mode, handover, [=](const std::string &) { return files_here; });
}

TEST(Arguments, TapsBecomeDescriptors) {
  auto result = translated({"-device", "e1000,id=nic1,netdev=net1,mac=00:16:3e:00:00:01", "-netdev",
                            "type=tap,id=net1,ifname=vif3.1-emu,br=xenbr0,script=/etc/qemu-ifup"});
  ASSERT_TRUE(result);
  EXPECT_THAT(*result, ElementsAre("-device", "e1000,id=nic1,netdev=net1,mac=00:16:3e:00:00:01",
                                   "-netdev", "tap,id=net1,fd=11"));
}

TEST(Arguments, ATpmBecomesASocket) {
  const Arguments arguments{"-chardev", "linstub:tpm,id=tpm,path=/dev/xvdc", "-tpmdev",
                            "emulator,id=tpm,chardev=tpm"};
  EXPECT_THAT(translated(arguments).value(), ElementsAre("-chardev", "socket,id=tpm,fd=40",
                                                         "-tpmdev", "emulator,id=tpm,chardev=tpm"));
  EXPECT_EQ(tpm_disk_of(arguments, Mode::linstub).value(), "xvdc");
  EXPECT_EQ(translated(arguments, Mode::libxl).value().at(1), arguments[1]);
  EXPECT_EQ(tpm_disk_of(arguments, Mode::libxl).value(), std::nullopt);
  EXPECT_EQ(tpm_disk_of(Arguments{"-chardev", "socket,id=a,path=/dev/xvdc"}, Mode::linstub).value(),
            std::nullopt);
  EXPECT_EQ(tpm_disk_of(Arguments{"-append", "linstub:tpm,path=/dev/xvdc"}, Mode::linstub).value(),
            std::nullopt);
}

TEST(Arguments, ATpmOnWhatIsNoDiskIsRefused) {
  for (const char *path : {"", ",path=/dev/mem", ",path=/dev/xvd", ",path=/dev/../dev/xvda",
                           ",path=xvda", ",path=/dev/xvda1"}) {
    const Arguments arguments{"-chardev", std::string("linstub:tpm,id=tpm") + path};
    EXPECT_FALSE(translated(arguments)) << path;
    EXPECT_FALSE(tpm_disk_of(arguments, Mode::linstub)) << path;
  }
}

TEST(Arguments, ACommaInAValueIsNotTheEndOfIt) {
  auto result = translated({"-netdev", "tap,ifname=a,,id=net7,id=net0"});
  ASSERT_TRUE(result);
  EXPECT_THAT(*result, ElementsAre("-netdev", "tap,id=net0,fd=10"));
}

TEST(Arguments, ATapIsOneWhateverItsValuesAndTheirOrder) {
  auto result =
      translated({"-netdev", "tap,ifname=a,,id=net5,,x,id=net1", "-netdev", "id=net2,type=tap"});
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_THAT(*result, ElementsAre("-netdev", "tap,id=net1,fd=11", "-netdev", "tap,id=net2,fd=12"));
  Arguments same{"-netdev", "user,id=u,hostname=a,,type=tap"};
  EXPECT_EQ(translated(same).value(), same);
}

TEST(Arguments, OtherNetworksAndOtherArgumentsStayAsTheyAre) {
  Arguments same{"-netdev", "user,id=u", "-name", "type=tap,id=net0", "-net", "none"};
  EXPECT_EQ(translated(same).value(), same);
}

TEST(Arguments, ATapWithoutAClearNumberIsRefused) {
  for (const char *value :
       {"type=tap,ifname=x", "type=tap,id=x0", "type=tap,id=net", "type=tap,id=net-1",
        "type=tap,id=net01", "tap,id=net0x", "tap,xid=net0", "type=tap,id=net4294967296"}) {
    EXPECT_FALSE(translated({"-netdev", value})) << value;
  }
}

TEST(Arguments, ANicNamedTwiceIsRefused) {
  auto result = translated({"-netdev", "tap,id=net0", "-netdev", "tap,id=net0"});
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message(), HasSubstr("NIC 0 is named twice"));
}

TEST(Arguments, LibxlsModeGetsAMonitorAndTheConsolesForState) {
  auto result = translated({"-incoming", "$STUBDOM_RESTORE_INCOMING_ARG"}, Mode::libxl);
  ASSERT_TRUE(result);
  EXPECT_THAT(*result, ElementsAre("-incoming", "fd:22", "-add-fd", "fd=31,set=1", "-chardev",
                                   "socket,id=linstub-qmp,path=/run/qmp.sock,server=on,wait=off",
                                   "-mon", "chardev=linstub-qmp,mode=control"));
}

TEST(Arguments, LinstubDmsArgumentsGetNothingAdded) {
  Arguments same{"-incoming", "$STUBDOM_RESTORE_INCOMING_ARG"};
  EXPECT_EQ(translated(same, Mode::linstub).value(), same);
}

TEST(Arguments, AKernelThatOnlyDom0HasIsRefusedByName) {
  auto result = translated({"-kernel", "/boot/vmlinuz"}, Mode::libxl, false);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message(), HasSubstr("-kernel /boot/vmlinuz"));
  EXPECT_THAT(result.error().message(), HasSubstr("linstub-dm"));
}

TEST(Arguments, TheConsolesToWaitForAreThoseThatAreServed) {
  Arguments plain{"-name", "g", "-serial", "/dev/hvc3"};
  EXPECT_THAT(consoles_of(plain, Mode::libxl), ElementsAre("1", "3"));
  EXPECT_THAT(consoles_of(Arguments{"-incoming", "$STUBDOM_RESTORE_INCOMING_ARG"}, Mode::libxl),
              ElementsAre("1", "2"));
  EXPECT_TRUE(consoles_of(plain, Mode::linstub).empty());
}

TEST(Arguments, TheSocketsToWaitForAreThoseThatAreNamed) {
  EXPECT_THAT(sockets_of(Arguments{"-qmp", "unix:/run/qmp.sock,server=on", "-vnc",
                                   "unix:/run/vnc.sock", "-serial", "unix:/run/serial1.sock,x"}),
              ElementsAre("/run/qmp.sock", "/run/vnc.sock", "/run/serial1.sock"));
  EXPECT_TRUE(sockets_of(Arguments{"-qmp", "unix:/run/qmp.socket"}).empty());
}

} // namespace
} // namespace linstub::stub
