// SPDX-License-Identifier: MIT
// What people have in their guests' configurations, and do with guests that run, beyond the usual.
#include "lab/screenshot.hpp"
#include "scenario.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr auto ask_limit = seconds(120);
constexpr auto upgrade_limit = seconds(200);
constexpr auto command_limit = seconds(60);

class GuestsHave : public Scenario {
protected:
  static GuestConfig quick(const std::string &name, std::vector<std::string> extra) {
    return {.name = name, .direct_boot = true, .options = without_nic, .extra = std::move(extra)};
  }
  bool vnc_lets_in(const std::string &password) {
    return take_screenshot(host(), "t-have", ::testing::TempDir() + "t-have.png",
                           base::Deadline::after(command_limit), password)
        .has_value();
  }
};

TEST_F(GuestsHave, AVncPassword) {
  ONLY_WHEN_THOROUGH();
  GuestRun guest = start(quick("t-have", {"vncpasswd = \"secret\""}));
  auto right_in_wrong_out = [this] {
    EXPECT_TRUE(vnc_lets_in("secret"));
    EXPECT_FALSE(vnc_lets_in("Secret"));
  };
  right_in_wrong_out();
  succeeds("linstub upgrade t-have", upgrade_limit);
  right_in_wrong_out();
  save_and_restore("t-have");
  right_in_wrong_out();
  dom0("xl destroy t-have");
}

TEST_F(GuestsHave, AVirtualCpuThatIsPluggedIn) {
  ONLY_WHEN_THOROUGH();
  GuestRun guest = start(pv_guest("t-have", {"vcpus = 1", "maxvcpus = 2"}));
  guest_does(guest, "[ $(nproc) = 1 ]");
  succeeds("xl vcpu-set --ignore-host t-have 2", command_limit);
  comes_true(guest, "[ -e /sys/devices/system/cpu/cpu1/online ]");
  guest_does(guest, "echo 1 >/sys/devices/system/cpu/cpu1/online");
  for (int round = 0; round < 2; round++) { // the second is of what the first has made
    succeeds("linstub upgrade t-have", upgrade_limit);
    guest_does(guest, "[ $(nproc) = 2 ]");
    EXPECT_EQ(dom0("xl qemu-monitor-command t-have 'info hotpluggable-cpus' | grep -c qom_path"),
              "2");
  }
  save_and_restore("t-have");
  ASSERT_TRUE(guest.follow());
  guest_does(guest, "[ $(nproc) = 2 ]");
  dom0("xl destroy t-have");
}

TEST_F(GuestsHave, EightVirtualCpus) {
  ONLY_WHEN_THOROUGH();
  GuestConfig config = pv_guest("t-have", {"vcpus = 8", "maxvcpus = 8"});
  config.extra.emplace_back("memory = 256");
  GuestRun guest = start(config);
  for (int round = 0; round < 2; round++) {
    guest_does(guest, "[ $(nproc) = 8 ]");
    // Each of them asks the device model for something, by its own place in what they share.
    guest_does(guest, "for i in $(seq 0 7); do taskset -p $(printf %x $((1 << i))) $$ >/dev/null "
                      "&& ioport 16 16 >/dev/null || exit 1; done");
    if (round == 0)
      succeeds("linstub upgrade t-have", upgrade_limit);
  }
  dom0("xl destroy t-have");
}

TEST_F(GuestsHave, AllOfThemTheirDeviceModelsReplacedAtOnce) {
  ONLY_WHEN_THOROUGH();
  auto without_disk = [](const std::string &name) {
    GuestConfig config = quick(name, {"vif = [ ]"});
    config.disk.clear();
    return config;
  };
  GuestRun first = start(without_disk("t-have"));
  GuestRun second = start(without_disk("t-have-2"));
  const std::string before = dom0("xl domid t-have-dm; xl domid t-have-2-dm");
  // The first display that is free.
  auto port = [this](const std::string &name) {
    return dom0(base::format("xenstore-read /local/domain/$(xl domid {})/console/vnc-port", name));
  };
  EXPECT_EQ(port("t-have"), "5900");
  EXPECT_EQ(port("t-have-2"), "5901");
  const std::string said = succeeds("linstub upgrade --all --parallel 2", 2 * upgrade_limit);
  EXPECT_THAT(said, HasSubstr("2 guests were upgraded"));
  EXPECT_LT(said.find("t-have-2: "), said.find("[2/2] ")) << "one after the other: " << said;
  EXPECT_LT(said.find("t-have: "), said.find("[2/2] ")) << "one after the other: " << said;
  EXPECT_NE(dom0("xl domid t-have-dm; xl domid t-have-2-dm"), before);
  EXPECT_EQ(port("t-have"), "5900");
  EXPECT_EQ(port("t-have-2"), "5901");
  EXPECT_TRUE(first.ask("hello", ask_limit));
  EXPECT_TRUE(second.ask("hello", ask_limit));
  dom0("xl destroy t-have; xl destroy t-have-2");
}

// Of two QEMUs Xen asks the one that it numbers higher: so the one that waits for its state is that
// in one upgrade or in the next.
TEST_F(GuestsHave, RequestsWhileTheirDeviceModelIsReplaced) {
  GuestRun guest = start(quick("t-have", {"vif = [ ]"}));
  auto begun =
      guest.ask("sh (while usleep 50000; do measure port 10; done) >/dev/null 2>&1 &", ask_limit);
  ASSERT_TRUE(begun) << why(begun);
  for (int round = 0; round < 2; round++) {
    succeeds("linstub upgrade t-have", upgrade_limit);
    ASSERT_TRUE(guest.ask("hello", ask_limit));
  }
  dom0("xl destroy t-have");
}

TEST_F(GuestsHave, AHumanMonitorThatConcernsTheGuestAlone) {
  ONLY_WHEN_THOROUGH();
  GuestRun guest = start(quick("t-have", {}));
  EXPECT_THAT(succeeds("xl qemu-monitor-command t-have 'info status'", command_limit),
              HasSubstr("running"));
  EXPECT_THAT(fails("xl qemu-monitor-command t-have 'screendump /tmp/s.ppm'", command_limit),
              HasSubstr("VNC client"));
  dom0("xl destroy t-have");
}

// kexec does that. The former stub domain goes, though the guest lives on. Without vbd and vif, of
// which libxl says, under QEMU in dom0 as well, that it cannot remove them: since Linux 5.5 their
// backends leave without a word when a domain is released from xenstore, and the script of the new
// vif may then meet the old one.
TEST_F(GuestsHave, ASoftReset) {
  ONLY_WHEN_THOROUGH();
  GuestConfig config = quick("t-have", {"on_soft_reset = \"soft-reset\"", "vif = []"});
  config.disk.clear();
  GuestRun guest = start(config);
  const std::string stub = dom0("xl domid t-have-dm");
  dom0("python3 -c 'import ctypes; x = ctypes.CDLL(\"libxenctrl.so.4.20\"); "
       "x.xc_interface_open.restype = ctypes.c_void_p; "
       "x.xc_domain_shutdown(ctypes.c_void_p(x.xc_interface_open(None, None, 0)), '$(xl domid "
       "t-have)', 5)'");
  EXPECT_TRUE(holds_within(base::format("xl list t-have-dm >/dev/null 2>&1 && "
                                        "! xl list | awk '{{ print $2 }}' | grep -qx {}",
                                        stub),
                           seconds(150)))
      << dom0("xl list");
  EXPECT_TRUE(holds_within("linstub status --json | grep -q serving", seconds(60)));
  dom0("xl destroy t-have");
}

TEST_F(GuestsHave, ADeviceModelThatLibxlRestricts) {
  ONLY_WHEN_THOROUGH();
  dom0(
      "getent passwd xen-qemuuser-range-base >/dev/null || "
      "echo 'xen-qemuuser-range-base:x:65536:65536::/nonexistent:/usr/sbin/nologin' >>/etc/passwd");
  GuestRun guest = start(quick("t-have", {"dm_restrict = 1"}));
  EXPECT_TRUE(guest.ask("hello", ask_limit));
  dom0("xl destroy t-have; sed -i /^xen-qemuuser-range-base:/d /etc/passwd; "
       "rm -f /run/xen/dm-reaper-lock"); // libxl's own, which it leaves
}

} // namespace
} // namespace linstub::lab
