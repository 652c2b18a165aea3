// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "fake/xenstore.hpp"
#include "run/directory.hpp"
#include "stubdom/tap_script.hpp"

#include <gmock/gmock.h>

#include <sstream>

namespace linstub::stubdom {
namespace {

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
  base::Result<> join() { return join_tap(client, xen::DomId{7}, nic); }
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
  const plan::Nic nic{.index = 1, .interface = "vif7.1-emu", .bridge = "br0", .mac = ""};
  const std::string path = std::string(run::directory()) + "/vif-script";
  const std::string backend = "/local/domain/0/backend/vif/7/1";
  const std::string tell = "echo \"$@\" > $0.told; unset PWD OLDPWD SHLVL _; env >> $0.told\n";
};

TEST_F(TapScript, IsToldWhatLibxlTellsForATap) {
  script(tell);
  auto joined = join();
  ASSERT_TRUE(joined) << joined.error().message();
  EXPECT_THAT(told(),
              UnorderedElementsAre("add type_if=tap", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                   "script=" + path, "XENBUS_TYPE=vif",
                                   "XENBUS_PATH=backend/vif/7/1", "XENBUS_BASE_PATH=backend",
                                   "netdev=", "INTERFACE=vif7.1-emu", "vif=vif7.1"));
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

// Xen's scripts take the nodes from its name, and rename it if it has a name of its own there.
TEST_F(TapScript, OfTheNextVifFindsItsBridgeByItsName) {
  script(tell);
  store.write(backend + "/bridge", "br7");
  store.write(backend + "/vifname", "web");
  EXPECT_EQ(next_interface(xen::DomId{7}, nic), "linstub7.1");
  const unsigned written = store.count(fake::Request::write);
  ASSERT_TRUE(join_next(client, xen::DomId{7}, nic));
  EXPECT_THAT(told(), AllOf(Contains("add type_if=tap"), Contains("INTERFACE=linstub7.1")));
  EXPECT_EQ(store.count(fake::Request::write) - written, 2) << "the bridge and the script";
  EXPECT_EQ(store.read("/local/domain/0/backend/vif/linstub7"), std::nullopt) << "it stays behind";
}

} // namespace
} // namespace linstub::stubdom
