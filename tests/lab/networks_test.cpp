// SPDX-License-Identifier: MIT
// Emulated NICs and the bridges that dom0 joins them to, as to QEMU in dom0: the same scripts of
// Xen's do it, for an interface of the same name.
#include "scenario.hpp"

#include <array>

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

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

class NetworkScenario : public Scenario {
protected:
  void TearDown() override {
    // Xen's vif-bridge writes the MTU of an interface that it has renamed to the frontend of a
    // domain of that name, with QEMU in dom0 as well.
    host()
        .run("for b in t-web t-data t-spare; do ip link del $b 2>/dev/null; "
             "xenstore-rm /local/domain/v$b 2>/dev/null; done; "
             "ip link del t-here 2>/dev/null; rm -f /usr/local/sbin/ifconfig",
             seconds(60))
        .value_or(base::Output{});
    Scenario::TearDown();
  }

  void answers(const std::string &ping) {
    EXPECT_THAT(dom0(base::format("ping -q -c 3 -i 0.5 -W 10 {} || true", ping)),
                HasSubstr(" 0% packet loss"));
  }

  // Frames that have come into a bridge.
  long frames(const Network &network) {
    return std::atol(
        dom0(base::format("cat /sys/class/net/{}/statistics/rx_packets", network.bridge)).c_str());
  }
  void adds_bridge(const Network &network) {
    dom0(base::format("b={}; ip link add $b type bridge && ip link set $b up && "
                      "ip addr add {}.1/24 dev $b",
                      network.bridge, network.address));
  }
  void brings_up(GuestRun &guest, const char *driver, const std::string &address) {
    auto up = guest.ask(base::format("nic {} {}", driver, address), ask_limit);
    ASSERT_TRUE(up) << why(up);
  }
};

class Networks : public NetworkScenario, public ::testing::WithParamInterface<DeviceModel> {};
class FloodedNetwork : public NetworkScenario {};
class UpgradedNetwork : public NetworkScenario {};

// One NIC of each model that the guest has a driver for, and what one says is heard on its own
// bridge and on no other: also what all are meant to hear. All but one have a name of the guest's
// own, which they keep.
TEST_P(Networks, EachNicIsOnItsOwnBridge) {
  ONLY_WHEN_THOROUGH();
  std::string vifs;
  for (const Network &network : networks) {
    adds_bridge(network);
    vifs += base::format(
        "{}\"bridge={},model={}{}\"", vifs.empty() ? "" : ", ", network.bridge, network.model,
        &network == &networks.back() ? "" : base::format(",vifname=v{}", network.bridge));
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
  }
  const std::string ports =
      dom0("cd /sys/class/net; for b in t-web t-data t-spare; do ls $b/brif; done | xargs");
  EXPECT_THAT(ports, AllOf(HasSubstr("vt-web-emu"), HasSubstr("vt-data-emu"),
                           HasSubstr("vif" + dom0("xl domid t-nets") + ".2-emu")));
  if (GetParam() == DeviceModel::linstub) { // the next one's are on the same bridges
    for (int round = 0; round < 2; round++) {
      succeeds("linstub upgrade t-nets", ask_limit);
      EXPECT_TRUE(holds_within("! xl domid t-nets-dm-next >/dev/null 2>&1", ask_limit));
      EXPECT_EQ(
          dom0("cd /sys/class/net; for b in t-web t-data t-spare; do ls $b/brif; done | xargs"),
          ports);
    }
    EXPECT_EQ(dom0("xenstore-list /local/domain/0/backend/vif | grep linstub || true"), "");
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

// Those that Debian's kernel has a driver for, and the tiny one has not.
TEST_P(Networks, OfRareModelsCarryFrames) {
  ONLY_WHEN_THOROUGH();
  static constexpr std::array rare{
      Network{"t-web", "10.77.11", "pcnet", "pcnet32"},
      Network{"t-data", "10.77.12", "ne2k_pci", "ne2k-pci"},
      Network{"t-spare", "10.77.13", "virtio-net", "virtio_net"},
  };
  std::string vifs;
  for (const Network &network : rare) {
    adds_bridge(network);
    vifs += base::format("{}\"bridge={},model={}\"", vifs.empty() ? "" : ", ", network.bridge,
                         network.model);
  }
  GuestRun guest = start(pv_guest("t-nets", {base::format("vif = [ {} ]", vifs)},
                                  "xen_emul_unplug=never", GetParam()));
  ASSERT_FALSE(HasFailure());
  for (const Network &network : rare) {
    SCOPED_TRACE(network.model);
    ASSERT_NO_FATAL_FAILURE(
        brings_up(guest, network.driver, base::format("{}.2", network.address)));
    answers(base::format("-s 1400 {}.2", network.address));
  }
  dom0("xl destroy t-nets");
}

// The guest sees it, and it stays so until somebody has it up again.
TEST_P(Networks, ALinkThatIsTakenDownIsDownInTheGuest) {
  ONLY_WHEN_THOROUGH();
  const Network &network = networks.at(1);
  adds_bridge(network);
  GuestRun guest =
      start({.name = "t-nets",
             .device_model = GetParam(),
             .direct_boot = true,
             .extra = {base::format("vif = [ \"bridge={},model=e1000\" ]", network.bridge)}});
  ASSERT_FALSE(HasFailure());
  ASSERT_NO_FATAL_FAILURE(brings_up(guest, network.driver, base::format("{}.2", network.address)));
  const std::string ping = base::format("ping -q -c 1 -W 5 {}.2", network.address);
  const std::string nic =
      dom0("xl qemu-monitor-command t-nets 'info network' | grep -o '^[^:]*: index=0,type=nic' | "
           "cut -d: -f1");
  auto set = [&](const char *state) {
    succeeds(base::format("xl qemu-monitor-command t-nets 'set_link {} {}'", nic, state),
             ask_limit);
  };
  set("off");
  comes_true(guest, "[ $(cat /sys/class/net/eth0/carrier) = 0 ]");
  fails(ping, ask_limit);
  if (GetParam() == DeviceModel::linstub) {
    succeeds("linstub upgrade t-nets", ask_limit);
    comes_true(guest, "[ $(cat /sys/class/net/eth0/carrier) = 0 ]", 5);
    fails(ping, ask_limit);
  }
  set("on");
  comes_true(guest, "[ $(cat /sys/class/net/eth0/carrier) = 1 ]");
  answers(base::format("{}.2", network.address));
  dom0("xl destroy t-nets");
}

// The next QEMU has again the emulated NIC that the guest has had unplugged for its PV one, of the
// same address. The guest says nothing by itself meanwhile.
TEST_F(UpgradedNetwork, APvNicIsWhereTheBridgeSendsToAfterAnUpgrade) {
  ONLY_WHEN_THOROUGH();
  const Network &network = networks.at(0);
  adds_bridge(network);
  GuestRun guest = start(
      pv_guest("t-nets", {base::format("vif = [ \"bridge={},model=e1000\" ]", network.bridge)}));
  ASSERT_FALSE(HasFailure());
  ASSERT_NO_FATAL_FAILURE(brings_up(guest, "vif", base::format("{}.2", network.address)));
  answers(base::format("{}.2", network.address));
  // Behind which port the bridge has it.
  const std::string where =
      base::format("bridge fdb show br {} | grep -i \"$(xenstore-read /local/domain/$(xl domid "
                   "t-nets)/device/vif/0/mac)\" | grep -v permanent | cut -d' ' -f3",
                   network.bridge);
  const std::string vif = "vif" + dom0("xl domid t-nets") + ".0";
  EXPECT_EQ(dom0(where), vif);
  for (int round = 0; round < 2; round++) {
    succeeds("linstub upgrade t-nets", ask_limit);
    dom0("sleep 3"); // announcements go on for a while
    EXPECT_EQ(dom0(where), vif);
    // Whoever knows the guest's address and does not ask for it anew.
    answers(base::format("{}.2", network.address));
  }
  dom0("xl destroy t-nets");
}

// boot="n": the card's own firmware asks for an address. On which network it is told what to boot
// is the host's affair.
TEST_P(Networks, AreBootedFrom) {
  ONLY_WHEN_THOROUGH();
  dom0(
      "(setsid timeout 240 tcpdump -c 1 -n -i xenbr0 'ether src 00:16:3e:6c:00:01 and udp dst port "
      "67' >/run/lab-t-dhcp 2>&1 </dev/null &)");
  auto guest = GuestRun::create(
      host(), {.name = "t-nets", .device_model = GetParam(), .disk = "", .extra = {"boot = \"n\""}},
      ask_limit);
  ASSERT_TRUE(guest) << why(guest);
  EXPECT_TRUE(holds_within("grep -q BOOTP/DHCP /run/lab-t-dhcp", ask_limit))
      << screen("t-nets") << dom0("cat /run/lab-t-dhcp");
  dom0("xl destroy t-nets; rm /run/lab-t-dhcp");
}

// What a frame may be beside one of 1514 bytes from one to another: with a VLAN's tag, to many, a
// part of a packet to many, larger. TCP's segments and checksums are right whoever makes them.
TEST_P(Networks, CarryTaggedLargeAndMulticastFrames) {
  ONLY_WHEN_THOROUGH();
  const Network &network = networks.at(1);
  constexpr const char *mine = "10.77.22.1"; // in the VLAN
  constexpr const char *its = "10.77.22.2";
  adds_bridge(network);
  dom0(base::format("b={}; ip link add link $b name $b.7 type vlan id 7 && ip link set $b.7 up && "
                    "ip addr add {}/24 dev $b.7",
                    network.bridge, mine));
  GuestRun guest =
      start({.name = "t-nets",
             .device_model = GetParam(),
             .direct_boot = true,
             .extra = {base::format("vif = [ \"bridge={},model=e1000\" ]", network.bridge)}});
  ASSERT_FALSE(HasFailure());
  const std::string here = base::format("{}.1", network.address);
  const std::string address = base::format("{}.2", network.address);
  const std::string all = base::format("{}.255", network.address);
  ASSERT_NO_FATAL_FAILURE(brings_up(guest, "e1000", address));
  ASSERT_NO_FATAL_FAILURE(carries_data(guest, here, 1));

  guest_does(guest,
             base::format("ip link add link eth0 name v7 type vlan id 7 && ip addr add {}/24 dev "
                          "v7 && ip link set v7 up",
                          its));
  answers(base::format("-M do -s 1472 {}", its));
  ASSERT_NO_FATAL_FAILURE(carries_data(guest, mine, 1));

  // All hosts are in this group, and the guest is told to answer what is sent to it.
  guest_does(guest, "echo 0 >/proc/sys/net/ipv4/icmp_echo_ignore_broadcasts && "
                    "ip route add 224.0.0.0/4 dev eth0");
  for (const std::string &to : {std::string("224.0.0.1"), "-b " + all})
    EXPECT_THAT(
        dom0(base::format("ping -L -c 3 -i 0.5 -W 10 -I {} {} || true", network.bridge, to)),
        AllOf(HasSubstr("from " + address), HasSubstr(" 0% packet loss")));
  dom0("sysctl -q net.ipv4.icmp_echo_ignore_broadcasts=0");
  for (const char *size : {"56", "4000"})
    guest_does(guest, base::format("ping -c 3 -s {} 224.0.0.1", size));
  dom0("sysctl -q net.ipv4.icmp_echo_ignore_broadcasts=1");
  // In parts, which the guest puts together: ReasmOKs.
  guest_does(guest, "awk '/^Ip: [0-9]/{print $16}' /proc/net/snmp >/tmp/whole");
  for (const std::string &to : {"224.0.0.1:7003,ip-multicast-if=" + here, all + ":7003,broadcast"})
    dom0(base::format("for i in 1 2 3; do head -c 4000 /dev/zero | "
                      "socat -u -b 8192 STDIN UDP-DATAGRAM:{}; done",
                      to));
  guest_does(guest, "[ $(awk '/^Ip: [0-9]/{print $16}' /proc/net/snmp) -eq $(($(cat /tmp/whole) "
                    "+ 6)) ]");

  dom0(base::format("b={}; for i in $(ls /sys/class/net/$b/brif) $b; do ip link set $i mtu 4000; "
                    "done",
                    network.bridge));
  guest_does(guest, "ip link set eth0 mtu 4000");
  answers(base::format("-M do -s 3972 {}", address));
  ASSERT_NO_FATAL_FAILURE(carries_data(guest, here, 1));
  dom0(base::format("xl destroy t-nets; ip link del {}.7", network.bridge));
}

// What its network sends to a guest that does not take it waits in its stub domain, and has room
// there: of eight NICs, the most that there can be.
TEST_F(FloodedNetwork, CostsAGuestThatTakesNothingNoStubDomain) {
  ONLY_WHEN_THOROUGH();
  const Network &network = networks.at(1);
  adds_bridge(network);
  std::string vifs;
  for (int i = 0; i < 8; i++)
    vifs += base::format("{}\"bridge={},model=e1000\"", i == 0 ? "" : ", ", network.bridge);
  GuestRun guest =
      start({.name = "t-nets", .direct_boot = true, .extra = {base::format("vif = [ {} ]", vifs)}});
  ASSERT_FALSE(HasFailure());
  dom0(base::format("ping -q -b -f -c 2000 -s 1400 -I {} {}.255 || true", network.bridge,
                    network.address));
  EXPECT_THAT(dom0("linstub status"), HasSubstr("serving"));
  std::printf("its stub domain: %s\n",
              dom0("linstub status --json | tr -d '\\n ' | grep -o '\"memory.*'").c_str());
  const std::string address = base::format("{}.2", network.address);
  ASSERT_NO_FATAL_FAILURE(brings_up(guest, "e1000", address));
  answers(address);
  dom0("xl destroy t-nets");
}

// What the guest's PV side was is gone, and libxl has taken the emulated one off its bridge, as
// under QEMU in dom0: so it stays, and can still be replaced.
TEST_F(UpgradedNetwork, ANicThatIsDetachedIsOnNoBridgeAfterAnUpgradeEither) {
  ONLY_WHEN_THOROUGH();
  const Network &network = networks.at(1);
  adds_bridge(network);
  GuestRun guest =
      start({.name = "t-nets",
             .direct_boot = true,
             .extra = {base::format("vif = [ \"bridge={},model=e1000,vifname=vt-data\" ]",
                                    network.bridge)}});
  ASSERT_FALSE(HasFailure());
  const std::string ports = base::format("ls /sys/class/net/{}/brif", network.bridge);
  const std::string its_vif = "ls /sys/class/net | grep emu";
  EXPECT_THAT(dom0(ports), HasSubstr("vt-data-emu"));
  succeeds("xl network-detach t-nets 0", ask_limit);
  EXPECT_EQ(dom0(ports), "");
  for (int round = 0; round < 2; round++) {
    succeeds("linstub upgrade t-nets", ask_limit);
    EXPECT_TRUE(holds_within("! xl domid t-nets-dm-next >/dev/null 2>&1", ask_limit));
    EXPECT_EQ(dom0(ports), "");
    EXPECT_EQ(dom0(its_vif), "vt-data-emu");
  }
  // Another one of its number, with another address, and on this bridge.
  succeeds(base::format("xl network-attach t-nets bridge={} mac=00:16:3e:6c:00:0b", network.bridge),
           ask_limit);
  succeeds("linstub upgrade t-nets", ask_limit);
  EXPECT_TRUE(holds_within("! xl domid t-nets-dm-next >/dev/null 2>&1", ask_limit));
  EXPECT_THAT(dom0(ports), Not(HasSubstr("emu")));
  dom0("xl destroy t-nets");
}

// By Xen's own script: the guest has an address, dom0 a route to it, and there is no bridge.
TEST_P(Networks, ANicCanBeRouted) {
  ONLY_WHEN_THOROUGH();
  // The script gives dom0's end the address of that interface, by ifconfig, which comes in a
  // package that this dom0 has not got.
  dom0("printf '#!/bin/sh\\nip addr add $2/32 dev $1 && ip link set $1 up\\n' "
       ">/usr/local/sbin/ifconfig && chmod +x /usr/local/sbin/ifconfig");
  dom0("ip link add t-here type dummy && ip addr add 10.77.21.1/32 dev t-here && "
       "ip link set t-here up");
  GuestRun guest = start({.name = "t-nets",
                          .device_model = GetParam(),
                          .direct_boot = true,
                          .extra = {"vif = [ \"script=vif-route,ip=10.77.20.2,gatewaydev=t-here,"
                                    "model=e1000\" ]"}});
  ASSERT_FALSE(HasFailure());
  ASSERT_NO_FATAL_FAILURE(brings_up(guest, "e1000", "10.77.20.2"));
  const std::string routes = dom0("ip route show 10.77.20.2");
  EXPECT_THAT(routes, HasSubstr("10.77.20.2 dev vif"));
  auto route = guest.ask("sh ip route add 10.77.21.1 dev eth0", ask_limit);
  EXPECT_TRUE(route) << why(route);
  const std::string ping = "ping -q -c 5 -i 0.2 -W 10 10.77.20.2 || true; ip route show";
  EXPECT_THAT(dom0(ping), HasSubstr(" 0% packet loss"));
  if (GetParam() == DeviceModel::linstub) { // by the same route, of the next one's vif
    succeeds("linstub upgrade t-nets", ask_limit);
    EXPECT_TRUE(holds_within("! xl domid t-nets-dm-next >/dev/null 2>&1", ask_limit));
    EXPECT_EQ(dom0("ip route show 10.77.20.2"), routes);
    EXPECT_THAT(dom0(ping), HasSubstr(" 0% packet loss"));
  }
  dom0("xl destroy t-nets");
  EXPECT_EQ(dom0("ip route show 10.77.20.2"), "");
}

INSTANTIATE_TEST_SUITE_P(Under, Networks,
                         ::testing::Values(DeviceModel::linstub, DeviceModel::dom0),
                         name_by_device_model);

} // namespace
} // namespace linstub::lab
