// SPDX-License-Identifier: MIT
#include "plan/arguments.hpp"
#include "plan/consoles.hpp"
#include "plan/drives.hpp"
#include "plan/stub_plan.hpp"

#include <gmock/gmock.h>

#include <sstream>

namespace linstub::plan {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<std::string> words(const std::string &text) {
  std::istringstream in(text);
  std::vector<std::string> result;
  for (std::string word; in >> word;)
    result.push_back(word);
  return result;
}

std::string joined(const std::vector<std::string> &arguments) {
  std::string text;
  for (const std::string &argument : arguments)
    text.append(text.empty() ? "" : " ").append(argument);
  return text;
}

base::Result<Plan> plan(const std::string &line) { return translate(words(line), Settings{}); }

std::string refusal(const std::string &line) {
  auto translated = plan("-xen-domid 7 " + line);
  return translated ? "no error" : translated.error().message();
}

// As libxl of Xen 4.20 gives them for a guest with a disk, an empty CD-ROM drive, a NIC, a serial
// port and VNC.
const std::string libxl_line =
    "-xen-domid 7 -no-shutdown "
    "-chardev socket,id=libxl-cmd,path=/var/run/xen/qmp-libxl-7,server=on,wait=off "
    "-mon chardev=libxl-cmd,mode=control "
    "-chardev socket,id=libxenstat-cmd,path=/var/run/xen/qmp-libxenstat-7,server=on,wait=off "
    "-mon chardev=libxenstat-cmd,mode=control -nodefaults -no-user-config -name guest "
    "-vnc 127.0.0.1:0,to=99 -display none -serial pty -device VGA,vgamem_mb=16 -boot order=cd "
    "-device e1000,id=nic0,netdev=net0,mac=00:16:3e:01:02:03 "
    "-netdev type=tap,id=net0,ifname=vif7.0-emu,br=xenbr0,script=no,downscript=no "
    "-machine xenfv,suppress-vmdesc=on -m 496 "
    "-drive file=/images/guest.img,if=ide,index=0,media=disk,format=raw,cache=writeback "
    "-drive if=none,readonly=on,id=ide-5632 -device "
    "ide-cd,id=ide-5632,drive=ide-5632,bus=ide.1,unit=0";

TEST(Translate, SortsLibxlsArguments) {
  auto translated = plan(libxl_line);
  ASSERT_TRUE(translated) << translated.error().message();
  EXPECT_EQ(translated->guest, xen::DomId{7});
  EXPECT_EQ(translated->name, "guest");
  EXPECT_EQ(translated->start, Start::running);
  EXPECT_EQ(disks_of(*translated),
            (std::vector<disk::Disk>{{.path = "/images/guest.img", .vdev = "xvda"}}));
  EXPECT_EQ(translated->nics, (std::vector<Nic>{{.index = 0,
                                                 .interface = "vif7.0-emu",
                                                 .bridge = "xenbr0",
                                                 .mac = "02:16:3e:01:02:03"}}));
  EXPECT_EQ(translated->monitors,
            (std::vector<MonitorAddress>{{.path = "/var/run/xen/qmp-libxl-7"},
                                         {.path = "/var/run/xen/qmp-libxenstat-7"}}));
  EXPECT_EQ(translated->vnc,
            (VncAddress{.host = "127.0.0.1", .first_port = 5900, .last_port = 5999}));
  EXPECT_EQ(translated->serial, (std::vector<SerialPort>{{.kind = SerialKind::pty}}));
}

TEST(Translate, LeavesNothingOfDom0ForQemu) {
  auto translated = plan(libxl_line);
  ASSERT_TRUE(translated) << translated.error().message();
  EXPECT_EQ(joined(qemu_arguments(*translated, {})),
            "-qmp unix:/run/qmp.sock,server=on,wait=off -xen-domid 7 -no-shutdown -nodefaults "
            "-no-user-config -name guest -vnc unix:/run/vnc.sock -display none "
            "-serial unix:/run/serial0.sock,server=on,wait=off -device VGA,vgamem_mb=16 "
            "-boot order=cd -device e1000,id=nic0,netdev=net0,mac=00:16:3e:01:02:03,romsize=262144 "
            "-netdev type=tap,id=net0,ifname=tap0 -machine xenfv,suppress-vmdesc=on -m 496 "
            "-drive if=ide,index=0,media=disk,format=raw,cache=writeback,file.driver=host_device,"
            "file.filename=/dev/xvda,aio=threads,werror=report "
            "-drive if=none,readonly=on,id=ide-5632 "
            "-device ide-cd,id=ide-5632,drive=ide-5632,bus=ide.1,unit=0");
}

TEST(Translate, AChannelIsASocketForQemuAndALineOfDom0) {
  auto translated = plan("-xen-domid 7 -name g -chardev pty,id=libxl-channel1 "
                         "-chardev socket,id=libxl-channel2,path=/run/agent,server=on,wait=off");
  ASSERT_TRUE(translated) << translated.error().message();
  EXPECT_EQ(translated->consoles,
            (std::vector<PvConsole>{
                {.number = 1, .port = {.kind = SerialKind::pty, .path = {}}},
                {.number = 2, .port = {.kind = SerialKind::socket, .path = "/run/agent"}}}));
  EXPECT_THAT(joined(qemu_arguments(*translated, {})),
              HasSubstr("-chardev socket,id=libxl-channel1,path=/run/serial4.sock,server=on,"
                        "wait=off -chardev socket,id=libxl-channel2,path=/run/serial5.sock,"
                        "server=on,wait=off"));
}

TEST(Translate, TakesDirectBootFilesAfterTheDisks) {
  auto translated = plan("-xen-domid 7 -name g -kernel /boot/vmlinuz -initrd /boot/initrd "
                         "-append quiet -drive file=/d,if=ide,index=0,format=qcow2");
  ASSERT_TRUE(translated) << translated.error().message();
  EXPECT_EQ(disks_of(*translated)[0].format, disk::DiskFormat::qcow2);
  ASSERT_EQ(translated->files.size(), 2);
  EXPECT_EQ(translated->files[0].disk.vdev, "xvdb");
  EXPECT_EQ(translated->files[0].path, "/run/files/kernel");
  EXPECT_EQ(translated->files[1].disk.vdev, "xvdc");
  EXPECT_EQ(translated->files[1].disk.mode, disk::DiskMode::read_only);
  EXPECT_THAT(joined(qemu_arguments(*translated, {})),
              HasSubstr("-kernel /run/files/kernel -initrd /run/files/initrd"));
}

TEST(Translate, DropsTheConfinementOfAQemuInDom0) {
  auto translated = plan("-xen-domid 7 -name g -S -xen-domid-restrict -run-with chroot=/x -runas u "
                         "-chardev socket,id=libxl-cmd,fd=9,server=on,wait=off");
  ASSERT_TRUE(translated) << translated.error().message();
  EXPECT_EQ(translated->start, Start::paused);
  EXPECT_EQ(translated->monitors, (std::vector<MonitorAddress>{{.path = "", .fd = 9}}));
  EXPECT_EQ(joined(qemu_arguments(*translated, {})),
            "-qmp unix:/run/qmp.sock,server=on,wait=off -xen-domid 7 -name g -S");
}

TEST(Translate, KeepsACommaInANameOfAnImage) {
  auto translated = plan("-xen-domid 7 -drive file=/a,,b.img,if=ide,format=raw "
                         "-device ide-hd,serial=a,,b");
  ASSERT_TRUE(translated) << translated.error().message();
  EXPECT_EQ(disks_of(*translated)[0].path, "/a,b.img");
  EXPECT_THAT(joined(qemu_arguments(*translated, {})), HasSubstr("-device ide-hd,serial=a,,b"));
}

TEST(Translate, NotesTheVideoMemory) {
  EXPECT_EQ(plan("-xen-domid 7 -device VGA,vgamem_mb=32")->video_memory, 32);
  EXPECT_EQ(plan("-xen-domid 7 -device VGA")->video_memory, 0);
  EXPECT_EQ(plan("-xen-domid 7 -device VGA,vgamem_mb=much")->video_memory, 0);
}

TEST(Translate, LetsAGuestSetItsOwnSettings) {
  auto translated = plan("-xen-domid 7 -name g -linstub memory=96");
  ASSERT_TRUE(translated);
  EXPECT_EQ(translated->settings.memory, 96);
}

TEST(Translate, RefusesWithASentenceThatNamesTheOption) {
  EXPECT_THAT(refusal("-spice port=1"), HasSubstr("-spice"));
  EXPECT_THAT(refusal("-display sdl"), HasSubstr("-display sdl"));
  EXPECT_THAT(refusal("-device qxl-vga"), HasSubstr("SPICE"));
  EXPECT_THAT(refusal("-incoming tcp:0:4444"), HasSubstr("fd:NUMBER"));
  EXPECT_THAT(refusal("-frobnicate"), HasSubstr("-frobnicate"));
  EXPECT_THAT(refusal("-linstub memroy=9"), HasSubstr("memroy"));
  EXPECT_THAT(refusal("-xen-attach"), HasSubstr("HVM"));
  EXPECT_THAT(refusal("-drive file=nbd:x:1,format=raw"), HasSubstr("absolute path"));
  EXPECT_THAT(refusal("-drive file=/x,format=vpc"), HasSubstr("vpc"));
  EXPECT_THAT(refusal("-chardev pty,id=compare0"), HasSubstr("COLO"));
  for (const char *wrong : {"file,id=libxl-channel1,path=/etc/passwd", "pty,id=libxl-channel",
                            "pty,id=libxl-channel-1", "socket,id=libxl-channel1,path=a,server=on",
                            "socket,id=libxl-channel1,path=/a", "socket,id=libxl-channel1,host=a"})
    EXPECT_THAT(refusal(std::string("-chardev ") + wrong), HasSubstr("-chardev")) << wrong;
  EXPECT_THAT(refusal("-chardev pty,id=libxl-channel1 -chardev pty,id=libxl-channel2 "
                      "-chardev pty,id=libxl-channel3 -chardev pty,id=libxl-channel4 "
                      "-chardev pty,id=libxl-channel5"),
              HasSubstr("more than 4 channels"));
  EXPECT_THAT(refusal("-d 7 -domain-name g"), HasSubstr("device_model_version"));
  EXPECT_THAT(refusal("-device sb16"), HasSubstr("ac97"));
  EXPECT_THAT(refusal("-device usb-host,hostbus=1"), HasSubstr("USB"));
  EXPECT_THAT(refusal("-device e1000,driver=usb-host"), HasSubstr("USB"));
  EXPECT_THAT(refusal("-device xen-pci-passthrough,hostaddr=01:00.0"), HasSubstr("pci="));
  EXPECT_THAT(refusal("-serial tcp::4444"), HasSubstr("pty, null"));
  EXPECT_THAT(refusal("-m"), HasSubstr("needs a value"));
  EXPECT_THAT(refusal("-netdev type=tap,id=net0,ifname=../x"), HasSubstr("../x"));
}

TEST(Translate, NeedsToKnowTheGuest) { EXPECT_FALSE(plan("-name g")); }

TEST(RunKind, TellsAProbeFromADeviceModel) {
  EXPECT_EQ(run_kind(words("-S -no-user-config -nodefaults -nographic -machine none,accel=xen "
                           "-chardev socket,id=libxl-cmd,fd=3,server=on,wait=off")),
            Run::probe);
  EXPECT_EQ(run_kind(words(libxl_line)), Run::device_model);
  EXPECT_EQ(run_kind(words("--version")), Run::version);
}

TEST(Vnc, TriesPortsUpToTheLastDisplay) {
  auto vnc = parse_vnc("0.0.0.0:3,password=on,to=99");
  ASSERT_TRUE(vnc);
  EXPECT_EQ(
      vnc->address,
      (VncAddress{.host = "0.0.0.0", .first_port = 5903, .last_port = 5999, .password = true}));
  EXPECT_EQ(vnc->for_qemu, "unix:/run/vnc.sock,password=on");
  EXPECT_EQ(parse_vnc("[::1]:0")->address->host, "::1");
  EXPECT_EQ(parse_vnc("none")->for_qemu, "none");
}

// Viewers are not its: it has no password of theirs, and says nothing that a viewer makes sense of.
TEST(Vnc, IsForDom0AloneWithPixelsWhereverTheSettingStands) {
  for (const char *line : {"-linstub display=pixels -vnc 0.0.0.0:3,password=on,lossy=on",
                           "-vnc 0.0.0.0:3,password=on,lossy=on -linstub display=pixels"}) {
    auto translated = plan("-xen-domid 7 -name g " + std::string(line));
    ASSERT_TRUE(translated) << translated.error().message();
    EXPECT_TRUE(translated->vnc->password);
    EXPECT_EQ(translated->vnc->first_port, 5903);
    const std::string arguments = joined(qemu_arguments(*translated, {}));
    EXPECT_THAT(arguments, HasSubstr("-vnc unix:/run/vnc.sock"));
    EXPECT_THAT(arguments, Not(HasSubstr("password")));
    EXPECT_THAT(arguments, Not(HasSubstr("lossy")));
  }
  auto none = plan("-xen-domid 7 -name g -linstub display=pixels -vnc none");
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->vnc);
  EXPECT_THAT(joined(qemu_arguments(*none, {})), HasSubstr("-vnc none"));
}

TEST(Vnc, RefusesWhatOnlyQemuInDom0CouldDo) {
  for (const char *bad :
       {"unix:/x", "host", "h:-1", "h:99999", "h:0,websocket=on", "h:0,tls-creds=x"})
    EXPECT_FALSE(parse_vnc(bad)) << bad;
}

TEST(FrontendMac, IsAnotherAddressThanTheGuests) {
  EXPECT_EQ(frontend_mac("00:16:3e:01:02:03"), "02:16:3e:01:02:03");
  EXPECT_EQ(frontend_mac("02:16:3e:01:02:03"), "02:96:3e:01:02:03");
  for (const char *bad :
       {"", "00:16:3e:01:02", "00:16:3e:01:02:03:04", "0:16:3e:01:02:03", "zz:16:3e:01:02:03"})
    EXPECT_FALSE(frontend_mac(bad)) << bad;
}

} // namespace
} // namespace linstub::plan
