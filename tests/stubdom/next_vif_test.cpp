// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "fake/xenstore.hpp"
#include "run/directory.hpp"
#include "stubdom/next_vif.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <map>

namespace linstub::stubdom {
namespace {

using base::Result;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr xen::DomId guest{7};
constexpr xen::DomId serving{8};
constexpr xen::DomId next{9};
constexpr std::array former{serving};
constexpr std::array dropped{next};

// Notes what is done in a file, where the script does, too.
class FakeLinks final : public VifLinks {
public:
  explicit FakeLinks(std::string log) : log_(std::move(log)) {}

  Result<std::optional<VifLink>> of(xen::DomId stub, uint8_t) override {
    auto found = all.find(stub);
    return found == all.end() ? std::nullopt : std::optional(found->second);
  }
  Result<> rename(const VifLink &link, const std::string &name) override {
    note(link.name + " is called " + name);
    EXPECT_TRUE(await_free(name)) << name;
    for (auto &[stub, known] : all) {
      if (known.number == link.number)
        known.name = name;
    }
    return {};
  }
  Result<> take_down(const VifLink &link) override {
    note(link.name + " is down");
    return {};
  }
  Result<> join_like(const VifLink &link, const VifLink &other) override {
    note(link.name + " is like " + other.name);
    return {};
  }
  Result<> await_free(const std::string &name) override {
    for (const auto &[stub, known] : all) {
      if (known.name == name)
        return base::fail("there is another interface named {}", name);
    }
    return {};
  }

  std::map<xen::DomId, VifLink> all;

private:
  void note(const std::string &what) { std::ofstream(log_, std::ios::app) << what << "\n"; }
  std::string log_;
};

class NextVif : public ::testing::Test {
protected:
  NextVif() {
    EXPECT_TRUE(run::make_directory());
    script_is("echo $1 $INTERFACE >>$0.log\n");
    store.write(backend + "/script", path);
    store.write(backend + "/type", "vif_ioemu");
    store.write(backend + "/mac", "00:16:3e:01:02:03");
    store.write(backend + "/bridge", "br0");
    store.write(backend + "/ip", "10.0.0.7");
    store.write(backend + "/state", "1");
    links.all[serving] = {
        .number = 3, .name = "vif7.1-emu", .master = "br0", .on_bridge = true, .up = true};
    links.all[next] = {.number = 4, .name = "linstub7.1"};
    done();
  }
  void script_is(const std::string &body) {
    ASSERT_TRUE(base::replace_file(path, "#!/bin/sh\n" + body, 0755));
  }
  void on_open_vswitch() { set_former("ovs-system", false); }
  void routed() { set_former("", false); }
  void set_former(const std::string &master, bool on_bridge) {
    links.all[serving].master = master;
    links.all[serving].on_bridge = on_bridge;
  }
  // The guest's script gives its vif this name.
  void is_named(const std::string &name) {
    store.write(backend + "/vifname", name);
    links.all[serving].name = name + "-emu";
  }
  Result<> join() { return vifs().join(nics, next, former); }
  Result<> settle() { return vifs().settle(nics, next, former); }
  Result<> drop() { return vifs().settle(nics, serving, dropped); }
  NextVifs vifs() { return {client, links, guest}; } // in a process of its own each time
  // What was done since the last time.
  std::vector<std::string> done() {
    std::ifstream in(path + ".log");
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);)
      lines.push_back(line);
    ::unlink((path + ".log").c_str());
    return lines;
  }
  void nothing_is_noted() { EXPECT_EQ(store.read(notes), std::nullopt); }

  fake::Xenstore store;
  xen::Xenstore client = xen::Xenstore::connect().value();
  const std::vector<plan::Nic> nics{
      {.index = 1, .interface = "vif7.1-emu", .bridge = "br0", .mac = "02:16:3e:01:02:03"}};
  const std::string path = std::string(run::directory()) + "/vif-script";
  const std::string backend = "/local/domain/0/backend/vif/7/1";
  const std::string notes = "/local/domain/0/backend/vif/linstub7";
  FakeLinks links{path + ".log"};
};

TEST(WayToJoin, IsByWhatTheFormerOneIsJoinedTo) {
  const VifLink port{.name = "a", .master = "br0", .on_bridge = true, .up = true};
  const VifLink switched{.name = "a", .master = "ovs-system", .up = true};
  const VifLink other_master{.name = "a", .master = "vrf0", .up = true};
  const VifLink routed{.name = "a", .up = true};
  EXPECT_EQ(way_to_join({.has_script = true, .link = port}), Way::bridge);
  EXPECT_EQ(way_to_join({.has_script = true, .link = switched}), Way::open_vswitch);
  EXPECT_EQ(way_to_join({.has_script = true, .link = other_master}), Way::later);
  EXPECT_EQ(way_to_join({.has_script = true, .link = routed}), Way::later);
  EXPECT_EQ(way_to_join({.has_script = true, .link = {}}), Way::later) << "nobody knows";
  EXPECT_EQ(way_to_join({.has_script = false, .link = port}), Way::copied);
  const VifLink taken_off{.name = "a", .up = false};
  EXPECT_EQ(way_to_join({.has_script = true, .link = taken_off}), Way::copied)
      << "the script would put it where somebody has taken it off";
}

// Xen's scripts take the nodes from its name, rename it if it has a name of its own there, and make
// rules for its ip there. Of a state the kernel would make a device.
TEST_F(NextVif, HasItsNodesByItsName) {
  is_named("web");
  ASSERT_TRUE(join());
  EXPECT_EQ(store.read(notes + "/1/bridge"), "br0");
  EXPECT_EQ(store.read(notes + "/1/ip"), "10.0.0.7");
  EXPECT_EQ(store.read(notes + "/1/vifname"), std::nullopt);
  EXPECT_EQ(store.read(notes + "/1/state"), std::nullopt);
}

TEST_F(NextVif, OnABridgeIsThereFromTheStartAndLeavesNoRulesOfItsFirstName) {
  ASSERT_TRUE(join());
  EXPECT_THAT(done(), ElementsAre("add linstub7.1"));
  ASSERT_TRUE(settle());
  // By then there is no interface of that name: the port stays.
  EXPECT_THAT(done(), ElementsAre("vif7.1-emu is down", "vif7.1-emu is called former8.1",
                                  "linstub7.1 is called vif7.1-emu", "remove linstub7.1"));
  nothing_is_noted();
}

TEST_F(NextVif, GetsTheNameThatTheFormerOneHas) {
  is_named("web");
  ASSERT_TRUE(join());
  ASSERT_TRUE(settle());
  EXPECT_EQ(links.all[next].name, "web-emu");
}

TEST_F(NextVif, GetsItsNameWhenTheFormerOneIsGone) {
  is_named("web");
  ASSERT_TRUE(join());
  links.all.erase(serving);
  ASSERT_TRUE(settle());
  EXPECT_EQ(links.all[next].name, "web-emu");
}

TEST_F(NextVif, OnASwitchIsJoinedByEachOfItsNames) {
  on_open_vswitch();
  ASSERT_TRUE(join());
  EXPECT_THAT(done(), ElementsAre("add linstub7.1"));
  ASSERT_TRUE(settle());
  EXPECT_THAT(done(), ElementsAre("remove vif7.1-emu", "remove linstub7.1", "linstub7.1 is down",
                                  "vif7.1-emu is down", "vif7.1-emu is called former8.1",
                                  "linstub7.1 is called vif7.1-emu", "add vif7.1-emu"));
  nothing_is_noted();
}

// Two routes to one address cannot be.
TEST_F(NextVif, ThatIsRoutedIsJoinedWhenTheFormerOneIsNot) {
  routed();
  ASSERT_TRUE(join());
  EXPECT_THAT(done(), IsEmpty());
  ASSERT_TRUE(settle());
  EXPECT_THAT(done(), ElementsAre("remove vif7.1-emu", "linstub7.1 is down", "vif7.1-emu is down",
                                  "vif7.1-emu is called former8.1",
                                  "linstub7.1 is called vif7.1-emu", "add vif7.1-emu"));
  nothing_is_noted();
}

// vif-common.sh renames what has the tap's name, and wants nobody to have the other one.
TEST_F(NextVif, ThatIsRoutedGetsTheGuestsOwnNameFromTheScript) {
  routed();
  is_named("web");
  ASSERT_TRUE(join());
  ASSERT_TRUE(settle());
  EXPECT_EQ(links.all[next].name, "vif7.1-emu");
  EXPECT_EQ(links.all[serving].name, "former8.1");
  EXPECT_THAT(done(), Contains("add vif7.1-emu"));
}

TEST_F(NextVif, WaitsForAnotherInterfaceOfItsName) {
  ASSERT_TRUE(join());
  links.all.erase(serving);
  links.all[xen::DomId{20}] = {.number = 20, .name = "vif7.1-emu"};
  auto settled = settle();
  ASSERT_FALSE(settled);
  EXPECT_EQ(settled.error().message(), "there is another interface named vif7.1-emu");
  links.all.erase(xen::DomId{20});
  ASSERT_TRUE(settle());
  EXPECT_EQ(links.all[next].name, "vif7.1-emu");
}

TEST_F(NextVif, IsJoinedByTheSecondAttemptIfTheFirstHasFailed) {
  routed();
  ASSERT_TRUE(join());
  script_is("echo $1 $INTERFACE >>$0.log; [ $1 = remove ]\n");
  ASSERT_FALSE(settle());
  links.all.erase(serving);
  script_is("echo $1 $INTERFACE >>$0.log\n");
  done();
  ASSERT_TRUE(settle());
  EXPECT_THAT(done(), Contains("add vif7.1-emu"));
  nothing_is_noted();
  ASSERT_TRUE(settle());
  EXPECT_THAT(done(), IsEmpty());
}

TEST_F(NextVif, ThatIsDroppedLeavesNothing) {
  for (const bool still_there : {true, false}) {
    ASSERT_TRUE(join());
    if (!still_there)
      links.all.erase(next);
    done();
    ASSERT_TRUE(drop());
    EXPECT_THAT(done(), ElementsAre("remove linstub7.1"));
    EXPECT_EQ(links.all[serving].name, "vif7.1-emu");
    nothing_is_noted();
  }
}

TEST_F(NextVif, IsForgottenWithItsGuest) {
  ASSERT_TRUE(join());
  links.all.clear();
  store.remove("/local/domain/0/backend/vif/7");
  done();
  vifs().forget();
  EXPECT_THAT(done(), ElementsAre("remove linstub7.1"));
  nothing_is_noted();
}

TEST_F(NextVif, ThatTheScriptCannotJoinIsAnError) {
  script_is("echo no such bridge >&2; exit 1\n");
  auto joined = join();
  ASSERT_FALSE(joined);
  EXPECT_THAT(joined.error().message(),
              testing::AllOf(testing::HasSubstr("join linstub7.1 to the guest's network"),
                             testing::HasSubstr("no such bridge")));
  vifs().forget();
  nothing_is_noted();
}

TEST_F(NextVif, WhoseVifWasDetachedIsWhereTheFormerOneIs) {
  store.remove("/local/domain/0/backend/vif/7");
  is_named("web");
  store.remove("/local/domain/0/backend/vif/7");
  ASSERT_TRUE(join());
  EXPECT_THAT(done(), ElementsAre("linstub7.1 is like web-emu"));
  ASSERT_TRUE(settle());
  EXPECT_THAT(done(), ElementsAre("web-emu is down", "web-emu is called former8.1",
                                  "linstub7.1 is called web-emu"));
  nothing_is_noted();
}

TEST_F(NextVif, IsNotWhereAnotherOneOfItsNumberIs) {
  store.write(backend + "/mac", "00:16:3e:0a:0b:0c");
  store.write(backend + "/bridge", "br-other");
  ASSERT_TRUE(join());
  EXPECT_THAT(done(), ElementsAre("linstub7.1 is like vif7.1-emu"));
  EXPECT_EQ(store.read(notes + "/1/bridge"), std::nullopt);
}

// libxl takes the former one off the bridge then, and this one is to be where that one is.
TEST_F(NextVif, WhoseVifIsDetachedMeanwhileIsTakenOffItsNetwork) {
  ASSERT_TRUE(join());
  store.remove("/local/domain/0/backend/vif/7");
  done();
  ASSERT_TRUE(settle());
  EXPECT_THAT(done(),
              ElementsAre("remove linstub7.1", "vif7.1-emu is down",
                          "vif7.1-emu is called former8.1", "linstub7.1 is called vif7.1-emu"));
}

} // namespace
} // namespace linstub::stubdom
