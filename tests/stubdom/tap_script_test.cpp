// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "fake/xenstore.hpp"
#include "run/directory.hpp"
#include "stubdom/tap_script.hpp"

#include <gmock/gmock.h>

#include <sstream>

namespace linstub::stubdom {
namespace {

const base::Deadline soon = base::Deadline::after(base::Milliseconds(20'000));

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class TapScript : public ::testing::Test {
protected:
  void script(const std::string &body) {
    ASSERT_TRUE(run::make_directory());
    ASSERT_TRUE(base::replace_file(path, "#!/bin/sh\n" + body, 0755));
    store.write(backend + "/script", path);
  }
  base::Result<> join() {
    return run_script(client, tap_of(xen::DomId{7}, nic), ScriptCommand::add, soon);
  }
  bool is_there() { return has_script(client, xen::DomId{7}, nic).value(); }
  // What the script was told: its arguments in one line, then its environment.
  std::vector<std::string> told() {
    std::istringstream in(base::read_file(path + ".told", 65536).value_or(""));
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);)
      lines.push_back(line);
    return lines;
  }

  fake::Xenstore store;
  xen::Xenstore client = xen::Xenstore::connect().value();
  const plan::Nic nic{
      .index = 1, .interface = "vif7.1-emu", .bridge = "br0", .mac = "02:16:3e:01:02:03"};
  const std::string path = std::string(run::directory()) + "/vif-script";
  const std::string backend = "/local/domain/0/backend/vif/7/1";
  const std::string tell = "echo \"$@\" > $0.told; unset PWD OLDPWD SHLVL _; env >> $0.told\n";
};

TEST_F(TapScript, IsToldWhatLibxlTellsForATap) {
  script(tell);
  auto joined = join();
  ASSERT_TRUE(joined) << joined.error().message();
  EXPECT_THAT(told(),
              UnorderedElementsAre(
                  "add type_if=tap",
                  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                  "script=" + path, "XENBUS_TYPE=vif", "XENBUS_PATH=backend/vif/7/1",
                  "XENBUS_BASE_PATH=backend", "netdev=", "INTERFACE=vif7.1-emu", "vif=vif7.1"));
}

TEST_F(TapScript, IsToldTheGuestsOwnNamesOfItsVif) {
  script(tell);
  store.write(backend + "/vifname", "web");
  store.write(backend + "/gatewaydev", "eth1");
  ASSERT_TRUE(join());
  EXPECT_THAT(told(), AllOf(Contains("vif=web"), Contains("netdev=eth1")));
}

TEST_F(TapScript, HasItsWordsInTheError) {
  script("echo bridge br0 is not there >&2; exit 1\n");
  auto joined = join();
  ASSERT_FALSE(joined);
  EXPECT_THAT(joined.error().message(), AllOf(HasSubstr("join vif7.1-emu to the guest's network"),
                                              HasSubstr("bridge br0 is not there")));
}

TEST_F(TapScript, IsMissedIfTheGuestsVifHasNone) {
  auto joined = join();
  ASSERT_FALSE(joined);
  EXPECT_EQ(joined.error().code(), ENOENT);
}

TEST_F(TapScript, SaysWhatItWasRunFor) {
  script("exit 1\n");
  auto left = run_script(client, tap_of(xen::DomId{7}, nic), ScriptCommand::remove, soon);
  ASSERT_FALSE(left);
  EXPECT_THAT(left.error().message(), HasSubstr("take vif7.1-emu off the guest's network"));
}

// What libxl writes of it, for an emulated NIC that the guest has from its start.
TEST_F(TapScript, IsThatOfTheGuestsOwnVif) {
  EXPECT_FALSE(is_there()) << "detached, or a driver domain's";
  store.write(backend + "/script", "/etc/xen/scripts/vif-bridge");
  EXPECT_TRUE(is_there());
  store.write(backend + "/type", "vif_ioemu");
  store.write(backend + "/mac", "00:16:3e:01:02:03");
  EXPECT_TRUE(is_there());
}

TEST_F(TapScript, IsNotThatOfAVifThatWasAttachedInItsPlace) {
  store.write(backend + "/script", "/etc/xen/scripts/vif-bridge");
  store.write(backend + "/type", "vif_ioemu");
  for (const char *mac : {"00:16:3e:01:02:04", "nonsense", ""}) {
    store.write(backend + "/mac", mac);
    EXPECT_FALSE(is_there()) << mac;
  }
  store.write(backend + "/mac", "00:16:3e:01:02:03");
  store.write(backend + "/type", "vif");
  EXPECT_FALSE(is_there()) << "for PV drivers alone";
}

} // namespace
} // namespace linstub::stubdom
