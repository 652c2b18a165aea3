// SPDX-License-Identifier: MIT
// Guests that Debian's libvirt runs, unchanged and confined by AppArmor, with linstub-dm as their
// emulator: docs/libvirt.md.
#include "lab/screenshot.hpp"
#include "libvirt_scenario.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr auto ask_limit = seconds(180);
constexpr auto end_limit = seconds(90);
constexpr auto state_limit = seconds(300);

class Libvirt : public LibvirtScenario {
protected:
  static LibvirtGuest tiny() { return {.name = "t-virt", .options = without_nic}; }

  std::string state() { return virsh("domstate t-virt"); }

  // Neither a domain nor what ran for it; libvirt and xl agree on that.
  void expect_gone() {
    EXPECT_TRUE(holds_within("! xl domid t-virt >/dev/null 2>&1", end_limit));
    EXPECT_TRUE(holds_within("! xl domid t-virt-dm >/dev/null 2>&1", end_limit));
    EXPECT_THAT(virsh("list --name"), Not(HasSubstr("t-virt")));
  }
};

TEST_F(Libvirt, RunsAGuestUnderAppArmorAndTellsOfItsLife) {
  ONLY_WHEN_THOROUGH();
  EXPECT_THAT(dom0("systemctl start libvirtd && cat /proc/$(pidof libvirtd)/attr/apparmor/current"),
              StartsWith("libvirtd (enforce)"));
  listen();
  ASSERT_NO_FATAL_FAILURE(start(tiny()));
  EXPECT_EQ(state(), "running");
  // A stub domain is a domain to xl, and none to libvirt, which knows what it has started.
  EXPECT_THAT(virsh("list --name"), AllOf(HasSubstr("t-virt"), Not(HasSubstr("t-virt-dm"))));
  EXPECT_EQ(virsh("domid t-virt"), dom0("xl domid t-virt"));
  EXPECT_EQ(dom0("xl domid t-virt-dm >/dev/null && echo yes"), "yes");
  EXPECT_THAT(virsh("dumpxml t-virt"),
              AllOf(HasSubstr("<emulator>/usr/libexec/linstub/linstub-dm</emulator>"),
                    HasSubstr("<serial type='pty'>")));
  EXPECT_EQ(qemus(), "0");
  // What libvirt has started is not confined by libvirt's own profile.
  EXPECT_EQ(dom0("cat /proc/$(xenstore-read /local/domain/$(xl domid t-virt)/image/"
                 "device-model-pid)/attr/apparmor/current"),
            "unconfined");

  // Its console, as a person has it.
  const std::string console =
      dom0("for i in $(seq 20); do (sleep 2; printf 'hello\\n'; sleep 5) | "
           "timeout 15 script -qec 'virsh -c xen:///system console t-virt --force' /dev/null "
           ">/run/lab-t-console; grep -a '+ hello' /run/lab-t-console && break; done; true");
  EXPECT_THAT(console, HasSubstr("+ hello"));

  EXPECT_THAT(virsh("vncdisplay t-virt"), StartsWith("127.0.0.1:"));
  auto picture = take_screenshot(host(), "t-virt", ::testing::TempDir() + "t-virt.png",
                                 base::Deadline::after(seconds(60)));
  ASSERT_TRUE(picture) << why(picture);
  EXPECT_GT(picture->lit, 0.0) << "the screen is black";

  succeeds("linstub upgrade t-virt", state_limit);
  EXPECT_EQ(state(), "running");
  virsh("suspend t-virt");
  EXPECT_EQ(state(), "paused");
  virsh("resume t-virt");
  virsh("destroy t-virt");
  EXPECT_EQ(state(), "shut off");
  expect_gone();
  EXPECT_THAT(heard("Stopped", end_limit), AllOf(HasSubstr("Started"), HasSubstr("Suspended"),
                                                 HasSubstr("Resumed"), HasSubstr("Destroyed")));
  EXPECT_THAT(denied(), IsEmpty());
}

TEST_F(Libvirt, SavesAndRestoresAGuestAtWork) {
  ONLY_WHEN_THOROUGH();
  ASSERT_NO_FATAL_FAILURE(start(tiny()));
  GuestRun guest = ready("t-virt");
  ASSERT_TRUE(guest.ask("sh echo kept >/tmp/kept", ask_limit));
  // In a file of the administrator's, then in one of libvirt's own.
  for (const auto &[save, restore] :
       {std::pair{"save t-virt /run/lab-t-state", "restore /run/lab-t-state"},
        std::pair{"managedsave t-virt", "start t-virt"}}) {
    SCOPED_TRACE(save);
    virsh(save);
    EXPECT_EQ(state(), "shut off");
    expect_gone();
    virsh(restore);
    EXPECT_EQ(state(), "running");
    auto followed = guest.follow();
    ASSERT_TRUE(followed) << why(followed);
    EXPECT_EQ(guest.ask("sh grep -q kept /tmp/kept", ask_limit).value_or(""), "+ sh 0");
  }
  EXPECT_EQ(qemus(), "0");
  ASSERT_TRUE(guest.tell("poweroff"));
  expect_gone();
  EXPECT_THAT(denied(), IsEmpty());
}

// libvirt attaches PV disks and PV NICs to a guest that runs, never emulated ones.
TEST_F(Libvirt, PlugsADiskANicAndACpuIntoAGuest) {
  ONLY_WHEN_THOROUGH();
  auto added = stage().add_pv_guest();
  ASSERT_TRUE(added) << why(added);
  dom0("truncate -s 8M /run/lab-t-disk.img");
  LibvirtGuest config{.name = "t-virt", .stock = true};
  config.vcpus = "<vcpu current='1'>2</vcpu>";
  ASSERT_NO_FATAL_FAILURE(start(config));
  GuestRun guest = ready("t-virt");

  virsh("attach-disk t-virt /run/lab-t-disk.img xvdf --targetbus xen --driver phy --subdriver raw "
        "--live");
  auto written = guest.ask("raw xvdf 2 seed", ask_limit);
  EXPECT_TRUE(written) << why(written);
  EXPECT_THAT(virsh("domblklist t-virt"), HasSubstr("/run/lab-t-disk.img"));
  virsh("detach-disk t-virt xvdf --live");
  EXPECT_TRUE(holds_within("! losetup -a | grep -q lab-t-disk", end_limit));

  virsh("attach-interface t-virt bridge xenbr0 --mac 00:16:3e:6c:00:07 --live");
  EXPECT_TRUE(holds_within("ls /sys/class/net/xenbr0/brif | grep -q ^vif", end_limit));
  EXPECT_THAT(virsh("domiflist t-virt"), HasSubstr("00:16:3e:6c:00:07"));
  virsh("detach-interface t-virt bridge --mac 00:16:3e:6c:00:07 --live");
  EXPECT_TRUE(holds_within("! ls /sys/class/net | grep -q ^vif", end_limit));

  virsh("setvcpus t-virt 2 --live");
  EXPECT_TRUE(guest
                  .ask("sh i=0; while [ $i -lt 20 ] && ! [ -e /sys/devices/system/cpu/cpu1 ]; do "
                       "sleep 1; i=$((i+1)); done; [ -e /sys/devices/system/cpu/cpu1 ]",
                       ask_limit)
                  .value_or("")
                  .ends_with("sh 0"));
  EXPECT_EQ(virsh("vcpucount t-virt --live --active"), "2");
  EXPECT_EQ(qemus(), "0");
  ASSERT_TRUE(guest.tell("poweroff"));
  expect_gone();
  EXPECT_THAT(denied(), IsEmpty());
}

TEST_F(Libvirt, ChangesTheMediumOfItsCdRomDrive) {
  ONLY_WHEN_THOROUGH();
  dom0("for i in one two; do head -c 1M /dev/urandom >/run/lab-t-$i.iso; done");
  LibvirtGuest config = tiny();
  config.devices = "<disk type='file' device='cdrom'><source file='/run/lab-t-one.iso'/>"
                   "<target dev='hdc' bus='ide'/><readonly/></disk>";
  ASSERT_NO_FATAL_FAILURE(start(config));
  GuestRun guest = ready("t-virt");
  const auto medium = [this](const std::string &name) {
    return "+ cd " + dom0("sha256sum </run/lab-t-" + name + ".iso | cut -d' ' -f1") + " 1048576";
  };
  EXPECT_EQ(guest.ask("cd", ask_limit).value_or(""), medium("one"));
  virsh("change-media t-virt hdc --eject --live");
  EXPECT_FALSE(guest.ask("cd", ask_limit));
  virsh("change-media t-virt hdc /run/lab-t-two.iso --insert --live");
  EXPECT_EQ(guest.ask("cd", ask_limit).value_or(""), medium("two"));
  virsh("change-media t-virt hdc /run/lab-t-one.iso --update --live");
  EXPECT_EQ(guest.ask("cd", ask_limit).value_or(""), medium("one"));
  virsh("destroy t-virt");
  expect_gone();
  EXPECT_THAT(denied(), IsEmpty());
}

TEST_F(Libvirt, KeepsItsGuestsOverARestartOfLibvirtd) {
  ONLY_WHEN_THOROUGH();
  ASSERT_NO_FATAL_FAILURE(define(tiny()));
  virsh("autostart t-virt");
  // libvirt does it once after each boot of the host.
  dom0("rm -f /run/libvirt/libxl/autostarted; systemctl restart libvirtd");
  EXPECT_TRUE(holds_within("virsh -c xen:///system domstate t-virt | grep -q running", end_limit));
  GuestRun guest = ready("t-virt");
  const std::string domid = virsh("domid t-virt");
  dom0("systemctl restart libvirtd");
  EXPECT_EQ(state(), "running");
  EXPECT_EQ(virsh("domid t-virt"), domid);
  EXPECT_TRUE(guest.ask("hello", ask_limit));
  listen();
  ASSERT_TRUE(guest.tell("reboot"));
  heard("Started", ask_limit);
  GuestRun again = ready("t-virt");
  ASSERT_TRUE(again.tell("poweroff"));
  EXPECT_THAT(heard("Stopped Shutdown", ask_limit), HasSubstr("t-virt"));
  expect_gone();
  virsh("autostart --disable t-virt");
  EXPECT_THAT(denied(), IsEmpty());
}

// Who destroys a stub domain crashes its guest, and libvirt does what on_crash says.
TEST_F(Libvirt, StartsAGuestAnewWhoseStubDomainDied) {
  ONLY_WHEN_THOROUGH();
  LibvirtGuest config = tiny();
  config.on_crash = "restart";
  ASSERT_NO_FATAL_FAILURE(start(config));
  ready("t-virt");
  listen();
  const std::string before = virsh("domid t-virt");
  dom0("xl destroy t-virt-dm");
  EXPECT_THAT(heard("Started", ask_limit), HasSubstr("Crashed"));
  GuestRun guest = ready("t-virt");
  EXPECT_NE(virsh("domid t-virt"), before);
  // Behind libvirt's back.
  dom0("xl destroy t-virt");
  EXPECT_TRUE(
      holds_within("virsh -c xen:///system domstate t-virt | grep -q 'shut off'", end_limit));
  expect_gone();
  EXPECT_THAT(denied(), IsEmpty());
}

// A guest's xl.cfg, and what libvirt has no words for: as arguments of the emulator's.
TEST_F(Libvirt, TakesAnXlCfgAndSettingsOfLinstubs) {
  ONLY_WHEN_THOROUGH();
  GuestConfig config{.name = "t-virt", .direct_boot = true, .options = without_nic};
  config.extra.emplace_back("device_model_args = [ \"-linstub\", \"memory=72\" ]");
  const std::string xml = dom0("cat >/run/lab-t-virt.cfg <<'end'\n" + xl_config(config) +
                               "end\nvirsh -q -c xen:///system domxml-from-native xen-xl "
                               "/run/lab-t-virt.cfg | tee /run/lab-t-virt.xml");
  EXPECT_THAT(xml, AllOf(HasSubstr("<emulator>/usr/libexec/linstub/linstub-dm</emulator>"),
                         HasSubstr("<xen:arg value='-linstub'/>"),
                         HasSubstr("<xen:arg value='memory=72'/>")));
  EXPECT_THAT(virsh("domxml-to-native xen-xl /run/lab-t-virt.xml"),
              HasSubstr("device_model_override = \"/usr/libexec/linstub/linstub-dm\""));
  virsh("create /run/lab-t-virt.xml");
  ready("t-virt");
  const std::string memory = dom0("xl list t-virt-dm | awk 'NR == 2 { print $3 }'");
  EXPECT_GE(std::stoi(memory), 70);
  EXPECT_EQ(qemus(), "0");
  virsh("destroy t-virt");
  expect_gone();
  EXPECT_THAT(denied(), IsEmpty());
}

} // namespace
} // namespace linstub::lab
