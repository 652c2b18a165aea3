// SPDX-License-Identifier: MIT
// Emulated NICs and the bridges that dom0 joins them to, as to QEMU in dom0: the same scripts of
// Xen's do it, for an interface of the same name.
#include "scenario.hpp"

#include <array>

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr auto ask_limit = seconds(240);
constexpr long said_on_one = 25; // frames: five answers to pings, twenty to all
constexpr long asked_anyway = 4; // a neighbour of earlier is asked for again (ARP)

struct Network {
  const char *bridge;
  const char *address; // of the first three bytes; dom0 is 1, the guest 2
  const char *model;
  const char *driver; // the guest's
};
constexpr std::array networks{
    Network{"t-web", "10.77.11", "rtl8139", "8139cp"},
    Network{"t-data", "10.77.12", "e1000", "e1000"},
    Network{"t-spare", "10.77.13", "e1000e", "e1000e"},
};

class Networks : public Scenario, public ::testing::WithParamInterface<DeviceModel> {
protected:
  void TearDown() override {
    // Xen's vif-bridge writes the MTU of an interface that it has renamed to the frontend of a
    // domain of that name, with QEMU in dom0 as well.
    host()
        .run("for b in t-web t-data t-spare; do ip link del $b 2>/dev/null; "
             "xenstore-rm /local/domain/v$b 2>/dev/null; done",
             seconds(60))
        .value_or(base::Output{});
    Scenario::TearDown();
  }

  // Frames that have come into a bridge.
  long frames(const Network &network) {
    return std::atol(
        dom0(base::format("cat /sys/class/net/{}/statistics/rx_packets", network.bridge)).c_str());
  }
  void brings_up(GuestRun &guest, const char *driver, const std::string &address) {
    auto up = guest.ask(base::format("nic {} {}", driver, address), ask_limit);
    ASSERT_TRUE(up) << why(up);
  }
};

// One NIC of each model that the guest has a driver for, and what one says is heard on its own
// bridge and on no other: also what all are meant to hear.
TEST_P(Networks, EachNicIsOnItsOwnBridge) {
  ONLY_WHEN_THOROUGH();
  std::string vifs;
  for (const Network &network : networks) {
    dom0(base::format("ip link add {} type bridge && ip link set {} up && "
                      "ip addr add {}.1/24 dev {}",
                      network.bridge, network.bridge, network.address, network.bridge));
    vifs += base::format("{}\"bridge={},model={},vifname=v{}\"", vifs.empty() ? "" : ", ",
                         network.bridge, network.model, network.bridge);
  }
  GuestRun guest = start({.name = "t-nets",
                          .device_model = GetParam(),
                          .direct_boot = true,
                          .extra = {base::format("vif = [ {} ]", vifs)}});
  ASSERT_FALSE(HasFailure());
  for (const Network &network : networks) {
    SCOPED_TRACE(network.model);
    ASSERT_NO_FATAL_FAILURE(
        brings_up(guest, network.driver, base::format("{}.2", network.address)));
    EXPECT_THAT(dom0(base::format("ls /sys/class/net/{}/brif", network.bridge)),
                HasSubstr(base::format("v{}", network.bridge)));
  }
  for (const Network &network : networks) {
    SCOPED_TRACE(network.model);
    std::array<long, networks.size()> before{};
    for (size_t i = 0; i < networks.size(); i++)
      before.at(i) = frames(networks.at(i));
    EXPECT_THAT(dom0(base::format("ping -q -c 5 -i 0.2 -W 10 {}.2", network.address)),
                HasSubstr(" 0% packet loss"));
    auto said = guest.ask(base::format("measure packet 20 {}.255 9", network.address), ask_limit);
    EXPECT_TRUE(said) << why(said);
    for (size_t i = 0; i < networks.size(); i++) {
      const long heard = frames(networks.at(i)) - before.at(i);
      if (&networks.at(i) == &network)
        EXPECT_GE(heard, said_on_one) << network.bridge;
      else
        EXPECT_LE(heard, asked_anyway) << networks.at(i).bridge;
    }
  }
  dom0("xl destroy t-nets");
}

INSTANTIATE_TEST_SUITE_P(Under, Networks,
                         ::testing::Values(DeviceModel::linstub, DeviceModel::dom0),
                         name_by_device_model);

} // namespace
} // namespace linstub::lab
