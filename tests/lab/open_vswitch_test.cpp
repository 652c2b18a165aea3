// SPDX-License-Identifier: MIT
// NICs that Xen's own script puts on a switch of Open vSwitch, which knows its ports by their names
// and keeps a database of them.
#include "scenario.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr auto ask_limit = seconds(240);
constexpr auto switch_limit = seconds(120);
constexpr auto upgrade_limit = seconds(240);

class OpenVSwitch : public Scenario, public ::testing::WithParamInterface<DeviceModel> {
protected:
  void SetUp() override {
    ONLY_WHEN_THOROUGH(); // else no lab of this shape is made
    succeeds("systemctl start openvswitch-switch && ovs-vsctl add-br t-switch && "
             "ip addr add 10.77.31.1/24 dev t-switch && ip link set t-switch up",
             switch_limit);
    Scenario::SetUp();
  }
  void TearDown() override {
    if (IsSkipped())
      return;
    Scenario::TearDown();
    succeeds("ovs-vsctl del-br t-switch; systemctl stop openvswitch-switch", switch_limit);
  }
  // Ports beside the switch's own.
  std::string ports() { return dom0("ovs-vsctl list-ports t-switch | sort | xargs"); }
  void answers() {
    EXPECT_THAT(dom0("ping -q -c 5 -i 0.2 -W 10 10.77.31.2 || true"), HasSubstr(" 0% packet loss"));
  }
};

TEST_P(OpenVSwitch, HasTheNicOfAGuestAsItsPort) {
  ONLY_WHEN_THOROUGH();
  GuestRun guest =
      start({.name = "t-ovs",
             .device_model = GetParam(),
             .direct_boot = true,
             .extra = {"vif = [ \"script=vif-openvswitch,bridge=t-switch,model=e1000\" ]"}});
  ASSERT_FALSE(HasFailure());
  const std::string vif = "vif" + dom0("xl domid t-ovs") + ".0";
  EXPECT_THAT(ports(), HasSubstr(vif + "-emu"));
  auto up = guest.ask("nic e1000 10.77.31.2", ask_limit);
  ASSERT_TRUE(up) << why(up);
  answers();
  if (GetParam() == DeviceModel::linstub) {
    succeeds("linstub upgrade t-ovs", upgrade_limit);
    answers();
    EXPECT_TRUE(holds_within("! xl domid t-ovs-dm-next >/dev/null 2>&1", upgrade_limit));
    EXPECT_THAT(ports(), HasSubstr(vif + "-emu"));
    answers();
    // One that fails leaves the switch no port of a stub domain that is gone.
    const std::string before = ports();
    as_soon_as("ovs-vsctl list-ports t-switch | grep -q linstub",
               "xl destroy $(xl domid t-ovs-dm-next)");
    EXPECT_THAT(fails("linstub upgrade t-ovs", upgrade_limit), HasSubstr("it runs on"));
    EXPECT_TRUE(holds_within("! ovs-vsctl list-ports t-switch | grep -q linstub", upgrade_limit))
        << ports();
    EXPECT_EQ(ports(), before);
    answers();
  }
  dom0("xl destroy t-ovs");
  EXPECT_EQ(ports(), "");
}

INSTANTIATE_TEST_SUITE_P(Both, OpenVSwitch,
                         ::testing::Values(DeviceModel::linstub, DeviceModel::dom0),
                         name_by_device_model);

} // namespace
} // namespace linstub::lab
