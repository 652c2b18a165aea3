// SPDX-License-Identifier: MIT
// What a Windows asks of its host (docs/windows.md), done by programs of a Linux: a test can have
// no Windows. Each under Linstub and with QEMU in dom0.
#include "scenario.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::StartsWith;

constexpr auto ask_limit = seconds(180);
constexpr auto upgrade_limit = seconds(200);

class LikeWindows : public Scenario, public ::testing::WithParamInterface<DeviceModel> {
protected:
  GuestConfig guest(std::vector<std::string> lines, const std::string &options = "") {
    return pv_guest("t-windows", std::move(lines), options, GetParam());
  }
  static std::string says(GuestRun &guest, const std::string &command) {
    auto answer = guest.ask(command, ask_limit);
    return answer.value_or(why(answer));
  }
};

// Xen and the guest's CPU see to these, whoever its device model is; they have to come through what
// is done to that. The clock of Hyper-V (model-specific register 0x40000020) counts 100 ns.
TEST_P(LikeWindows, ItFindsHyperVAndItsClock) {
  ONLY_WHEN_THOROUGH();
  GuestRun it = start(guest({"viridian = 1"}));
  // The guest's own clock, by which it sleeps, may leap after a restore.
  constexpr const char *keeps_time =
      "clock() { dd if=/dev/cpu/0/msr bs=8 count=1 skip=134217732 2>/dev/null | hexdump -v -e "
      "'1/8 \"%d\"'; }; last=$(cat /tmp/clock 2>/dev/null || echo 1); for i in 1 2 3 4 5; do "
      "now=$(clock); sleep 1; [ $now -gt $last ] && [ $(($(clock) - now)) -ge 9000000 ] && "
      "echo $now >/tmp/clock && exit 0; done; exit 1";
  auto is_there = [&] {
    guest_does(it, "[ \"$(cpuid $((0x40000000)))\" = 'Microsoft Hv' ]");
    guest_does(it, "[ \"$(cpuid $((0x40000100)))\" = XenVMMXenVMM ]");
    guest_does(it, keeps_time);
  };
  ASSERT_NO_FATAL_FAILURE(is_there());
  // With QEMU in dom0 the clock was not seen to go on after a restore.
  if (GetParam() == DeviceModel::linstub) {
    succeeds("linstub upgrade t-windows", upgrade_limit);
    ASSERT_NO_FATAL_FAILURE(is_there());
    save_and_restore("t-windows");
    ASSERT_TRUE(it.follow());
    ASSERT_NO_FATAL_FAILURE(is_there());
  }
  dom0("xl destroy t-windows");
}

// Windows' drivers say who they are before they ask for it, and take the devices over afterwards.
TEST_P(LikeWindows, ItsDriversHaveTheEmulatedDevicesTakenAway) {
  ONLY_WHEN_THOROUGH();
  auto put = stage().put_qcow2("/run/lab-t-a.qcow2", 32);
  ASSERT_TRUE(put) << why(put);
  GuestRun it =
      start(guest({"disk = [ \"format=qcow2,vdev=xvda,access=rw,target=/run/lab-t-a.qcow2\" ]",
                   "vif = [ \"bridge=xenbr0,model=e1000\" ]"},
                  "xen_emul_unplug=unnecessary linstub.late=xen-blkfront,xen-netfront"));
  auto emulated = [&] {
    return dom0("xl qemu-monitor-command t-windows 'info qtree' | "
                "grep -cE 'dev: (ide-hd|e1000),' || true");
  };
  const std::string written = says(it, "put sda 2 by-its-emulation");
  EXPECT_THAT(written, StartsWith("+ put "));
  EXPECT_EQ(emulated(), "2");
  EXPECT_EQ(says(it, "unplug 3"), "+ unplug");
  EXPECT_EQ(emulated(), "0");
  guest_does(it, "insmod /modules/xen-blkfront.ko && insmod /modules/xen-netfront.ko");
  comes_true(it, "[ -b /dev/xvda ] && [ -e /sys/class/net/eth0 ]");
  // A QEMU in dom0 has had the image open for them since the start, and may not see what was
  // written meanwhile.
  if (GetParam() == DeviceModel::linstub) {
    EXPECT_EQ("+ put" + says(it, "sum xvda 2").substr(5), written);
  }
  EXPECT_THAT(says(it, "net"), StartsWith("+ net vif "));
  dom0("xl destroy t-windows");
}

INSTANTIATE_TEST_SUITE_P(Under, LikeWindows,
                         ::testing::Values(DeviceModel::linstub, DeviceModel::dom0),
                         name_by_device_model);

} // namespace
} // namespace linstub::lab
