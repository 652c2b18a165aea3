// SPDX-License-Identifier: MIT
// Options of xl.cfg(5), each as a guest has it (docs/xl.cfg.md names these scenarios): that the
// devices are those that QEMU in dom0 makes of the same lines, and that they do what they are for.
#include "scenario.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr auto create_limit = seconds(150);
constexpr auto ask_limit = seconds(120);
constexpr auto command_limit = seconds(60);

struct Machine {
  const char *name;
  std::vector<std::string> lines; // of xl.cfg
  std::vector<const char *> has;  // in "info qtree"
};

void PrintTo(const Machine &machine, std::ostream *out) { *out << machine.name; }

class AsUnderQemuInDom0 : public Scenario, public ::testing::WithParamInterface<Machine> {
protected:
  // The devices of a guest that does not run yet, bus by bus, by their types and ids.
  std::string devices(DeviceModel device_model) {
    GuestConfig config{.name = "t-same", .device_model = device_model, .extra = GetParam().lines};
    auto put = host().check("cat > /run/lab-t-same.cfg", command_limit, xl_config(config));
    EXPECT_TRUE(put) << why(put);
    succeeds("xl create -p /run/lab-t-same.cfg", create_limit);
    std::string tree =
        dom0("xl qemu-monitor-command t-same 'info qtree' | grep -E '^ *(bus|dev):'");
    dom0("xl destroy t-same");
    return tree;
  }
};

TEST_P(AsUnderQemuInDom0, HasTheDevices) {
  ONLY_WHEN_THOROUGH();
  const std::string here = devices(DeviceModel::linstub);
  for (const char *device : GetParam().has)
    EXPECT_THAT(here, HasSubstr(device));
  EXPECT_EQ(here, devices(DeviceModel::dom0));
}

INSTANTIATE_TEST_SUITE_P(
    All, AsUnderQemuInDom0,
    ::testing::Values(
        Machine{"UsbTabletMouseAndKeyboard",
                {"usb = 1", "usbdevice = [ \"tablet\", \"mouse\", \"keyboard\" ]",
                 "vga = \"cirrus\"", "videoram = 8", "keymap = \"de\"", "localtime = 1",
                 "rtc_timeoffset = 3600", "viridian = 1"},
                {"dev: usb-tablet", "dev: usb-mouse", "dev: usb-kbd", "dev: cirrus-vga"}},
        Machine{"Usb1", {"usbversion = 1", "boot = \"dc\""}, {"dev: piix3-usb-uhci, id \"usb\""}},
        Machine{"OtherNics",
                {"vif = [ \"bridge=xenbr0,model=e1000e\", \"bridge=xenbr0,model=pcnet\", "
                 "\"bridge=xenbr0,model=ne2k_pci\", \"bridge=xenbr0,model=virtio-net\" ]"},
                {"dev: e1000e", "dev: pcnet", "dev: ne2k_pci", "dev: virtio-net-pci"}},
        Machine{"ScsiUsb2AndWhatIsTheDefault",
                {"disk = [ \"format=raw,vdev=hda,access=rw,target=/lab/tiny.img\", "
                 "\"format=raw,vdev=sda,access=ro,target=/lab/tiny.initrd\", "
                 "\"format=raw,vdev=sdb,access=ro,target=/lab/tiny.kernel\" ]",
                 "vif = [ \"bridge=xenbr0,mac=00:16:3e:6c:00:09\" ]", "vga = \"stdvga\"",
                 "videoram = 32", "usbversion = 2", "boot = \"n\"", "mmio_hole = 1024"},
                {"dev: rtl8139", "dev: lsi53c895a", "dev: scsi-hd", "dev: VGA",
                 "dev: ich9-usb-ehci1, id \"usb\"", "dev: ich9-usb-uhci1"}},
        Machine{"Usb3WithoutAScreen",
                {"vga = \"none\"", "nographic = 1", "vnc = 0", "usbversion = 3",
                 "vendor_device = \"xenserver\""},
                {"dev: nec-usb-xhci, id \"usb\"", "dev: xen-pvdevice"}},
        Machine{"WithoutXensPlatformDevice", {"xen_platform_pci = 0"}, {"dev: piix3-ide"}},
        Machine{"UsbControllersByXl",
                {"usbctrl = [ \"type=devicemodel,version=3,ports=8\" ]"},
                {"dev: nec-usb-xhci, id \"xenusb-0\""}}),
    [](const auto &test) { return test.param.name; });

class XlCfg : public Scenario {
protected:
  static GuestConfig quick(std::vector<std::string> extra, const std::string &options = "") {
    return {.name = "t-cfg",
            .direct_boot = true,
            .options = base::format("{} {}", without_nic, options),
            .extra = std::move(extra)};
  }
  // A command of the guest's shell that has to succeed there.
  void guest_does(GuestRun &guest, const std::string &command) {
    auto said = guest.ask("sh " + command, ask_limit);
    ASSERT_TRUE(said) << why(said);
    EXPECT_EQ(*said, "+ sh 0") << command;
  }
};

struct Unknown {
  const char *name;
  const char *line;
  const char *says;  // QEMU in dom0
  const char *there; // with Linstub, in "info qtree"
};
void PrintTo(const Unknown &unknown, std::ostream *out) { *out << unknown.name; }

// What libxl 4.20 asks for, and QEMU 10 in dom0 does not know any more or cannot do.
class QemuInDom0DoesNotStart : public Scenario, public ::testing::WithParamInterface<Unknown> {};

TEST_P(QemuInDom0DoesNotStart, AndLinstubDoes) {
  ONLY_WHEN_THOROUGH();
  const Unknown &unknown = GetParam();
  auto create = [&](DeviceModel device_model) {
    GuestConfig config{.name = "t-old", .device_model = device_model, .extra = {unknown.line}};
    auto put = host().check("cat > /run/lab-t-old.cfg", command_limit, xl_config(config));
    EXPECT_TRUE(put) << why(put);
    return "xl create -p /run/lab-t-old.cfg";
  };
  fails(create(DeviceModel::dom0), create_limit);
  EXPECT_THAT(dom0("cat /var/log/xen/qemu-dm-t-old.log"), HasSubstr(unknown.says));
  succeeds(create(DeviceModel::linstub), create_limit);
  EXPECT_THAT(dom0("xl qemu-monitor-command t-old 'info qtree'"), HasSubstr(unknown.there));
  dom0("xl destroy t-old");
}

INSTANTIATE_TEST_SUITE_P(
    All, QemuInDom0DoesNotStart,
    ::testing::Values(
        Unknown{"WithoutAcpi", "acpi = 0", "-no-acpi", "dev: xen-platform"},
        Unknown{"FiveNics",
                "vif = [ \"bridge=xenbr0\", \"bridge=xenbr0\", \"bridge=xenbr0\", "
                "\"bridge=xenbr0\", \"bridge=xenbr0\" ]",
                "failed to populate ram", "id \"nic4\""},
        Unknown{"SoundHda", "soundhw = \"hda\"", "no default audio driver", "dev: hda-duplex"},
        Unknown{"SoundAc97", "soundhw = \"ac97\"", "no default audio driver", "dev: AC97"},
        Unknown{"SoundEs1370", "soundhw = \"es1370\"", "no default audio driver", "dev: ES1370"}),
    [](const auto &test) { return test.param.name; });

TEST_F(XlCfg, FourSerialPortsLeadToAPtyAFileASocketAndNowhere) {
  ONLY_WHEN_THOROUGH();
  GuestRun guest = start(quick({"serial = [ \"pty\", \"file:/run/lab-t-serial.log\", "
                                "\"unix:/run/lab-t-serial.sock,server=on,wait=off\", \"null\" ]"},
                               "8250.nr_uarts=4"));
  guest_does(guest, "for i in 1 2 3; do stty -F /dev/ttyS$i raw -echo; done");
  guest_does(guest, "echo to a file >/dev/ttyS1");
  EXPECT_TRUE(holds_within("grep -q 'to a file' /run/lab-t-serial.log", command_limit));
  dom0("(setsid socat UNIX-CONNECT:/run/lab-t-serial.sock "
       "SYSTEM:'head -n 1 >/run/lab-t-serial.got; echo from dom0; sleep 600' >/dev/null 2>&1 &)");
  guest_does(guest, "cat /dev/ttyS2 >/tmp/got & sleep 1; echo to a socket >/dev/ttyS2");
  EXPECT_TRUE(holds_within("grep -q 'to a socket' /run/lab-t-serial.got", command_limit));
  guest_does(guest, "i=0; until grep -q 'from dom0' /tmp/got || [ $i = 60 ]; do sleep 1; "
                    "i=$((i+1)); done; grep -q 'from dom0' /tmp/got");
  guest_does(guest, "echo to nowhere >/dev/ttyS3");
  dom0("xl destroy t-cfg; pkill -x socat; rm -f /run/lab-t-serial.*");
}

} // namespace
} // namespace linstub::lab
