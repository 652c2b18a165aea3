// SPDX-License-Identifier: MIT
// Commands of xl(1) for a guest that runs (docs/xl.cfg.md names these scenarios): with Linstub they
// do what they do under QEMU in dom0.
#include "scenario.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto ask_limit = seconds(180);
constexpr auto command_limit = seconds(200);

class XlCommands : public Scenario, public ::testing::WithParamInterface<DeviceModel> {
protected:
  GuestRun start_quick() {
    return start({.name = "t-xl",
                  .device_model = GetParam(),
                  .direct_boot = true,
                  .options = without_nic,
                  .extra = {"maxmem = 160"}});
  }
  [[nodiscard]] static bool is_linstub() { return GetParam() == DeviceModel::linstub; }
  static void expect_alive(GuestRun &guest) {
    auto said = guest.ask("hello", ask_limit);
    EXPECT_TRUE(said) << why(said);
  }
};

TEST_P(XlCommands, SuspendAndResume) {
  ONLY_WHEN_THOROUGH();
  GuestRun guest = start_quick();
  succeeds("xl suspend t-xl", command_limit);
  EXPECT_THAT(dom0("xl list t-xl | tail -n 1"), HasSubstr("s"));
  succeeds("xl resume t-xl", command_limit);
  expect_alive(guest);
  dom0("xl destroy t-xl");
}

TEST_P(XlCommands, ChangeItsNameItsMemoryAndItsButtons) {
  ONLY_WHEN_THOROUGH();
  GuestRun guest = start_quick();
  for (const char *command :
       {"xl trigger t-xl power", "xl trigger t-xl nmi", "xl button-press t-xl sleep",
        "xl mem-max t-xl 192", "xl mem-set t-xl 128", "xl channel-list t-xl",
        "xl network-list t-xl", "xl block-list t-xl"}) {
    SCOPED_TRACE(command);
    succeeds(command, command_limit);
  }
  expect_alive(guest);
  succeeds("xl rename t-xl t-other", command_limit);
  if (is_linstub()) {
    EXPECT_THAT(dom0("linstub status"), HasSubstr("serving"));
  }
  succeeds("xl rename t-other t-xl", command_limit);
  succeeds("xl dump-core t-xl /var/tmp/t-xl.core && test -s /var/tmp/t-xl.core; s=$?; "
           "rm -f /var/tmp/t-xl.core; exit $s",
           command_limit);
  expect_alive(guest);
  dom0("xl destroy t-xl");
}

TEST_P(XlCommands, AttachAndDetachAUsbController) {
  ONLY_WHEN_THOROUGH();
  GuestRun guest = start_quick();
  constexpr const char *tree = "xl qemu-monitor-command t-xl 'info qtree'";
  EXPECT_THAT(dom0(tree), Not(HasSubstr("xenusb-0")));
  succeeds("xl usbctrl-attach t-xl type=devicemodel version=3 ports=8", command_limit);
  EXPECT_THAT(dom0("xl usb-list t-xl"), HasSubstr("devicemodel"));
  EXPECT_THAT(dom0(tree), HasSubstr("xenusb-0"));
  if (is_linstub()) {
    fails("xl usbdev-attach t-xl hostbus=1 hostaddr=1", command_limit);
  }
  succeeds("xl usbctrl-detach t-xl 0", command_limit);
  EXPECT_TRUE(holds_within(base::format("! {} | grep -q xenusb-0", tree), ask_limit));
  expect_alive(guest);
  dom0("xl destroy t-xl");
}

// For PV drivers, of which this guest has none: they come, stand, and go.
TEST_P(XlCommands, AttachAndDetachAPvInterface) {
  ONLY_WHEN_THOROUGH();
  GuestRun guest = start_quick();
  succeeds("xl network-attach t-xl bridge=xenbr0 mac=00:16:3e:6c:00:0a", command_limit);
  EXPECT_THAT(dom0("xl network-list t-xl"), HasSubstr("00:16:3e:6c:00:0a"));
  succeeds("xl network-detach t-xl 00:16:3e:6c:00:0a", command_limit);
  EXPECT_THAT(dom0("xl network-list t-xl"), Not(HasSubstr("00:16:3e:6c:00:0a")));
  expect_alive(guest);
  dom0("xl destroy t-xl");
}

TEST_P(XlCommands, AttachAndDetachAPvKeyboard) {
  ONLY_WHEN_THOROUGH();
  GuestRun guest = start_quick();
  succeeds("xl vkb-attach t-xl backend-type=qemu unique-id=t-keyboard", command_limit);
  EXPECT_THAT(dom0("xl vkb-list t-xl"), HasSubstr("t-keyboard"));
  if (!is_linstub()) { // the QEMU in dom0 ends
    fails("xl vkb-detach t-xl 1", command_limit);
  } else {
    succeeds("xl vkb-detach t-xl 1", command_limit);
    EXPECT_THAT(dom0("xl vkb-list t-xl"), Not(HasSubstr("t-keyboard")));
    expect_alive(guest);
  }
  dom0("xl destroy t-xl");
}

// Its device model has it sleep, as a PC's chipset does (S3), and wakes it.
TEST_P(XlCommands, WakeAGuestThatSleeps) {
  ONLY_WHEN_THOROUGH();
  // Debian's kernel can sleep.
  GuestRun guest = start(pv_guest("t-xl", {"acpi_s3 = 1"}, "", GetParam()));
  ASSERT_TRUE(guest.tell("sh echo mem >/sys/power/state"));
  EXPECT_TRUE(
      holds_within("xl qemu-monitor-command t-xl 'info status' | grep -q suspended", ask_limit));
  if (GetParam() == DeviceModel::linstub) { // the next QEMU would not know that it sleeps
    EXPECT_THAT(fails("linstub upgrade t-xl", ask_limit), HasSubstr("xl trigger t-xl s3resume"));
  }
  succeeds("xl trigger t-xl s3resume", command_limit);
  auto awake = guest.wait_for("+ sh 0", ask_limit);
  EXPECT_TRUE(awake) << why(awake);
  expect_alive(guest);
  dom0("xl destroy t-xl");
}

INSTANTIATE_TEST_SUITE_P(Under, XlCommands,
                         ::testing::Values(DeviceModel::linstub, DeviceModel::dom0),
                         name_by_device_model);

} // namespace
} // namespace linstub::lab
