// SPDX-License-Identifier: MIT
// What a viewer's pointer and keys are in the guest: the events of its input devices, under Linstub
// and with QEMU in dom0.
#include "lab/viewer.hpp"
#include "scenario.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;

constexpr auto look_limit = seconds(60);

struct Row {
  const char *name;
  DeviceModel device_model;
  const char *device;             // part of its name in the guest
  std::vector<std::string> lines; // of xl.cfg
  int code = 0;                   // of a keyboard: of the key that is pressed as "y"
};
void PrintTo(const Row &row, std::ostream *out) { *out << row.name; }

const std::string pixels = "device_model_args_hvm = [ \"-linstub\", \"display=pixels\" ]";

std::string has_devices(const std::string &devices) {
  return base::format("device_model_args_hvm = [ {} ]", devices);
}

class Input : public Scenario, public ::testing::WithParamInterface<Row> {
protected:
  // Without the drivers of the PV pointer and keyboard, to which QEMU would prefer to say it.
  GuestRun start_listening() {
    GuestRun guest = start(pv_guest("t-input", GetParam().lines, "initcall_blacklist=xenkbd_init",
                                    GetParam().device_model));
    const char *device = GetParam().device;
    comes_true(guest, base::format("grep -q '{}' /sys/class/input/event*/device/name", device));
    guest_does(guest, base::format("cd /sys/class/input; for e in event*; do "
                                   "grep -q '{}' $e/device/name && cat /dev/input/$e "
                                   ">/tmp/events & done 2>/dev/null",
                                   device));
    return guest;
  }
  std::unique_ptr<Viewer> view() {
    auto viewer = Viewer::connect(host(), "t-input", base::Deadline::after(look_limit));
    EXPECT_TRUE(viewer) << why(viewer);
    if (!viewer)
      return nullptr;
    auto shown = (*viewer)->wait_for_picture(base::Deadline::after(look_limit));
    EXPECT_TRUE(shown) << why(shown);
    return std::move(*viewer);
  }
  // An event is 24 bytes: when, its type, its code, its value (Linux' input.h).
  enum Type { key = 1, absolute = 3 };
  void hears(GuestRun &guest, Type type, int code, int value) {
    const std::string event = base::format("{:02x}00{:02x}{:02x}{:02x}{:02x}0000", int{type},
                                           code & 0xff, code >> 8, value & 0xff, value >> 8);
    comes_true(
        guest,
        base::format("hexdump -v -e '24/1 \"%02x\" \"\\n\"' /tmp/events | grep -q {}$", event), 20);
  }
};

class Pointer : public Input {};
class Keyboard : public Input {};

// A tablet's: the guest's pointer is where the viewer's is.
TEST_P(Pointer, IsWhereAViewersIs) {
  ONLY_WHEN_THOROUGH();
  GuestRun guest = start_listening();
  auto viewer = view();
  ASSERT_FALSE(HasFailure());
  constexpr int range = 0x7fff; // of a tablet of QEMU's
  constexpr int left = 1;
  constexpr int left_button = 0x110;
  const int width = viewer->width();
  const int height = viewer->height();
  struct Place {
    int x, y;
  };
  for (const Place &place : {Place{width / 3, height / 4}, Place{width - 1, height - 1}}) {
    for (int buttons : {0, left, 0}) {
      auto moved = viewer->point(place.x, place.y, buttons);
      ASSERT_TRUE(moved) << why(moved);
    }
    hears(guest, absolute, 0, place.x * range / width);
    hears(guest, absolute, 1, place.y * range / height);
  }
  hears(guest, key, left_button, 1);
  hears(guest, key, left_button, 0);
  dom0("xl destroy t-input");
}

INSTANTIATE_TEST_SUITE_P(
    Of, Pointer,
    ::testing::Values(
        Row{"Usb1", DeviceModel::linstub, "Tablet", {"usb = 1", "usbdevice = [ \"tablet\" ]"}},
        Row{"Usb1ByPixels",
            DeviceModel::linstub,
            "Tablet",
            {"usb = 1", "usbdevice = [ \"tablet\" ]", pixels}},
        Row{"Usb3",
            DeviceModel::linstub,
            "Tablet",
            {"usbversion = 3", has_devices("\"-device\", \"usb-tablet\"")}},
        Row{"Usb1UnderQemuInDom0",
            DeviceModel::dom0,
            "Tablet",
            {"usb = 1", "usbdevice = [ \"tablet\" ]"}}),
    [](const auto &test) { return std::string(test.param.name); });

// A viewer says which character is on the key; the keymap, where that is on the keyboard.
TEST_P(Keyboard, HasTheKeyThatAViewerPresses) {
  ONLY_WHEN_THOROUGH();
  GuestRun guest = start_listening();
  auto viewer = view();
  ASSERT_FALSE(HasFailure());
  auto pressed = viewer->press('y');
  ASSERT_TRUE(pressed) << why(pressed);
  hears(guest, key, GetParam().code, 1);
  hears(guest, key, GetParam().code, 0);
  dom0("xl destroy t-input");
}

constexpr int where_y_is = 21; // on an American keyboard
constexpr int where_z_is = 44; // and there is y on a German one

INSTANTIATE_TEST_SUITE_P(
    Of, Keyboard,
    ::testing::Values(
        Row{"German", DeviceModel::linstub, "AT ", {"keymap = \"de\""}, where_z_is},
        Row{"GermanByPixels", DeviceModel::linstub, "AT ", {"keymap = \"de\"", pixels}, where_z_is},
        Row{"GermanUnderQemuInDom0", DeviceModel::dom0, "AT ", {"keymap = \"de\""}, where_z_is},
        Row{"Usb1",
            DeviceModel::linstub,
            "USB Keyboard",
            {"usb = 1", "usbdevice = [ \"keyboard\" ]"},
            where_y_is},
        Row{"Usb2",
            DeviceModel::linstub,
            "USB Keyboard",
            {"usbversion = 2", has_devices("\"-device\", \"usb-kbd\"")},
            where_y_is},
        Row{"Usb3",
            DeviceModel::linstub,
            "USB Keyboard",
            {"usbversion = 3", has_devices("\"-device\", \"usb-kbd\"")},
            where_y_is}),
    [](const auto &test) { return std::string(test.param.name); });

} // namespace
} // namespace linstub::lab
