// SPDX-License-Identifier: MIT
#include "plan/arguments.hpp"
#include "plan/devices.hpp"
#include "plan/drives.hpp"

#include <gmock/gmock.h>

#include <iterator>
#include <sstream>

namespace linstub::plan {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> qemu_has(const std::string &arguments) {
  std::istringstream in("-xen-domid 7 " + arguments);
  std::vector<std::string> words;
  for (std::string word; in >> word;)
    words.push_back(word);
  return render(translate(words, Settings{}).value().qemu);
}

TEST(Devices, ANicOfAModelThatIsNotServedIsRefusedWithThoseThatAre) {
  for (const char *served : {"e1000", "rtl8139", "virtio-net", "virtio-net-pci", "driver=e1000e"}) {
    auto device = wire::Options::parse(served);
    EXPECT_TRUE(check_nic(device, 0)) << served;
    EXPECT_FALSE(device.get("romfile"));
    EXPECT_EQ(device.get("romsize"), "262144") << "as in dom0: QEMU there would refuse the state";
  }
  auto without = wire::Options::parse("e1000,romfile=");
  EXPECT_TRUE(check_nic(without, 0));
  EXPECT_FALSE(without.get("romsize"));
  auto without_rom = wire::Options::parse("pcnet,id=nic0");
  ASSERT_TRUE(check_nic(without_rom, 0));
  EXPECT_EQ(without_rom.text(), "pcnet,id=nic0,romfile=") << "QEMU would not start without one";
  auto other = wire::Options::parse("vmxnet3,id=nic0");
  auto refused = check_nic(other, 0);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(),
              testing::AllOf(testing::HasSubstr("vmxnet3"), testing::HasSubstr("rtl8139")));
}

TEST(Devices, ATpmIsBesideQemuOnADiskThatNoDriveHas) {
  Settings settings;
  settings.tpm = "/var/lib/g.tpm";
  const std::vector<std::string> arguments{"-xen-domid",           "7",       "-drive",
                                           "file=/d,if=none,id=d", "-kernel", "/k"};
  const Plan plan = translate(arguments, settings).value();
  ASSERT_TRUE(plan.tpm);
  EXPECT_EQ(*plan.tpm, (disk::Disk{.path = "/var/lib/g.tpm", .vdev = "xvdc"}))
      << "after the kernel";
  EXPECT_THAT(disks_of(plan), Contains(*plan.tpm));
  EXPECT_NE(free_disk_name(plan, {}), "xvdc");
  EXPECT_THAT(render(plan.qemu),
              testing::IsSupersetOf({"linstub:tpm,id=tpm,path=/dev/xvdc",
                                     "emulator,id=tpm,chardev=tpm", "tpm-crb,tpmdev=tpm,ppi=off"}));
  settings.system = System::ramdisk;
  EXPECT_THAT(translate(arguments, settings).error().message(),
              HasSubstr("take system=ramdisk out"));
}

TEST(Devices, ATpmOfQemusWordsIsRefusedWithTheSettingForIt) {
  for (const char *words : {"-tpmdev emulator,id=t,chardev=c", "-device tpm-crb,tpmdev=t",
                            "-device tpm-tis,tpmdev=t"}) {
    std::istringstream in(std::string("-xen-domid 7 ") + words);
    const std::vector<std::string> arguments{std::istream_iterator<std::string>(in), {}};
    const auto refused = translate(arguments, Settings{});
    ASSERT_FALSE(refused) << words;
    EXPECT_THAT(refused.error().message(), HasSubstr("\"tpm=/PATH")) << words;
  }
}

TEST(Devices, AreFourNicsAtMostThatAGuestCanBootFrom) {
  auto with = wire::Options::parse("e1000,id=nic3");
  ASSERT_TRUE(check_nic(with, most_boot_roms - 1));
  EXPECT_FALSE(with.get("romfile"));
  auto without = wire::Options::parse("e1000,id=nic4");
  ASSERT_TRUE(check_nic(without, most_boot_roms));
  EXPECT_EQ(without.get("romfile"), "") << "or there is no memory for it";
}

TEST(Devices, OfSoundHaveSomethingToPlayTo) {
  for (const char *card : {"ac97", "es1370", "hda-duplex"}) {
    const auto has =
        qemu_has(base::format("-vnc 127.0.0.1:0,to=99 -device intel-hda -device {}", card));
    EXPECT_THAT(has, Contains(base::format("{},audiodev=sound", card)));
    EXPECT_THAT(has, Contains("none,id=sound"));
    EXPECT_THAT(has, Contains("unix:/run/vnc.sock,audiodev=sound"));
    EXPECT_THAT(has, Contains("intel-hda")) << "the controller plays nothing itself";
  }
  EXPECT_THAT(qemu_has("-vnc none -device ac97"),
              AllOf(Contains("none"), Contains("none,id=sound")));
  EXPECT_THAT(qemu_has("-vnc 127.0.0.1:0 -device VGA"), Not(Contains(HasSubstr("sound"))));
}

TEST(Devices, OfUsbAreThoseThatAreBuilt) {
  for (const char *there : {"tablet", "mouse", "keyboard"})
    EXPECT_TRUE(check_usb_device(there)) << there;
  EXPECT_THAT(check_usb_device("host:1234:5678").error().message(), HasSubstr("pci="));
  EXPECT_THAT(check_usb_device("braille").error().message(), HasSubstr("tablet"));
}

TEST(Devices, WithoutAcpiAreToldToQemuInTheWordsThatItKnows) {
  const auto has = qemu_has("-no-acpi -machine xenfv,suppress-vmdesc=on");
  EXPECT_THAT(has, AllOf(Contains("acpi=off"), Not(Contains("-no-acpi"))));
}

} // namespace
} // namespace linstub::plan
