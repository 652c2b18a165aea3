// SPDX-License-Identifier: MIT
// A guest with PV drivers: Debian's stock kernel. Its qcow2 disks are served by QEMU in the stub
// domain twice over, as emulated drives and to blkfront; so is the PV keyboard.
#include "scenario.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto ask_limit = seconds(180);
constexpr auto end_limit = seconds(90);
constexpr auto migrate_limit = seconds(400);

// What stock guests do: Linux has the emulated disks unplugged before it looks for devices.
constexpr const char *stock = "";
// PV drivers and emulated disks at the same time; nothing is unplugged before a command says so.
// Beside emulated disks blkfront takes those alone that are called xvd*; libxl emulates these, too.
// The driver is loaded after the unplug, as a stock guest has it: one that connects while the
// emulated disk is there says that it does not use that, and is let to it.
constexpr const char *unplug_by_command = "xen_emul_unplug=unnecessary linstub.late=xen-blkfront";

class PvDrivers : public Scenario {
protected:
  // An empty image of 32 MiB in dom0.
  void make_image(const std::string &name) {
    auto put = stage().put_qcow2("/run/lab-t-" + name, 32);
    ASSERT_TRUE(put) << why(put);
  }

  std::string read_image(const std::string &name, int at, int mib) {
    return hash_of_qcow2("/run/lab-t-" + name, at, mib);
  }

  static std::string disk(const std::string &vdev, const std::string &name) {
    return base::format("\"format=qcow2,vdev={},access=rw,target=/run/lab-t-{}\"", vdev, name);
  }
  GuestConfig config(const std::string &disks, const std::string &options,
                     DeviceModel device_model = DeviceModel::linstub) {
    return pv_guest("t-pv", {base::format("disk = [ {} ]", disks)}, options, device_model);
  }

  // "+ put HASH" of a command: the hash.
  static std::string hash(GuestRun &guest, const std::string &command) {
    auto answer = guest.ask(command, ask_limit);
    EXPECT_TRUE(answer) << why(answer);
    return answer.value_or("").substr(answer.value_or("").rfind(' ') + 1);
  }

  std::string frontend(const std::string &device) {
    return dom0(
        base::format("xenstore-read /local/domain/$(xl domid t-pv)/device/{}/state", device));
  }
  bool gone_within(base::Milliseconds limit) {
    return holds_within("! xl domid t-pv >/dev/null 2>&1", limit);
  }
};

TEST_F(PvDrivers, HaveAQcow2DiskAndTheKeyboardFromTheStubDomain) {
  ASSERT_NO_FATAL_FAILURE(make_image("a.qcow2"));
  ASSERT_NO_FATAL_FAILURE(make_image("b.qcow2"));
  GuestRun guest = start(config(disk("hda", "a.qcow2") + ", " + disk("xvdf", "b.qcow2"), stock));
  EXPECT_EQ(qemus(), "0");
  const std::string written = hash(guest, "put xvda 2 one 4");
  EXPECT_EQ(hash(guest, "sum xvda 2 4"), written);
  const std::string other = hash(guest, "put xvdf 1 two");
  EXPECT_EQ(hash(guest, "sum xvdf 1"), other);
  EXPECT_FALSE(guest.ask("sh [ -e /dev/sda ]", ask_limit).value_or("") == "+ sh 0") << "unplugged";
  EXPECT_EQ(frontend("vbd/768"), "4");
  EXPECT_TRUE(
      holds_within("[ \"$(xenstore-read /local/domain/$(xl domid t-pv)/device/vkbd/0/state)\" "
                   "= 4 ]",
                   end_limit))
      << frontend("vkbd/0");
  // What libxl knows of them.
  EXPECT_EQ(dom0("xenstore-read /local/domain/0/backend/qdisk/$(xl domid t-pv)/768/state"), "4");
  EXPECT_THAT(dom0("xl block-list t-pv"), HasSubstr("/local/domain/0/backend/qdisk/"));
  EXPECT_THAT(fails("linstub upgrade t-pv", ask_limit), HasSubstr("PV driver has disk"));
  EXPECT_EQ(hash(guest, "sum xvda 2 4"), written) << "an upgrade that is refused changes nothing";

  succeeds("xl block-detach t-pv xvdf", ask_limit);
  EXPECT_THAT(dom0("xl block-list t-pv"), Not(HasSubstr(" 51792 ")));
  EXPECT_TRUE(holds_within("! losetup -a | grep -q lab-t-b", end_limit)) << dom0("losetup -a");
  EXPECT_THAT(guest.ask("sh [ -e /dev/xvdf ]", ask_limit).value_or(""), Not(HasSubstr("+ sh 0")));

  // And while the guest runs: its driver meets the stub domain's backend alone.
  ASSERT_NO_FATAL_FAILURE(make_image("c.qcow2"));
  succeeds("xl block-attach t-pv " + disk("xvdg", "c.qcow2"), ask_limit);
  const std::string third = hash(guest, "put xvdg 1 three");
  EXPECT_EQ(hash(guest, "sum xvdg 1"), third);
  EXPECT_EQ(frontend("vbd/51808"), "4");
  EXPECT_EQ(dom0("xenstore-read /local/domain/0/backend/qdisk/$(xl domid t-pv)/51808/state"), "4");
  succeeds("xl block-detach t-pv xvdg", ask_limit);
  EXPECT_TRUE(holds_within("! losetup -a | grep -q lab-t-c", end_limit)) << dom0("losetup -a");
  EXPECT_EQ(read_image("c.qcow2", 0, 1), third);

  ASSERT_TRUE(guest.tell("poweroff"));
  EXPECT_TRUE(gone_within(end_limit));
  EXPECT_EQ(read_image("a.qcow2", 4, 2), written);
}

// Room in dom0's file system, below the image's tables: as with QEMU in dom0.
TEST_F(PvDrivers, GiveRoomBackThatTheyDiscard) {
  ONLY_WHEN_THOROUGH();
  for (const DeviceModel device_model : {DeviceModel::linstub, DeviceModel::dom0}) {
    SCOPED_TRACE(device_model_name(device_model));
    ASSERT_NO_FATAL_FAILURE(make_image("a.qcow2"));
    GuestRun guest = start(config(disk("xvda", "a.qcow2"), stock, device_model));
    auto filled = guest.ask("raw xvda 16 one", ask_limit);
    ASSERT_TRUE(filled) << why(filled);
    const std::string rest = hash(guest, "sum xvda 8 8");
    const int full = std::atoi(dom0("du -k /run/lab-t-a.qcow2").c_str());
    EXPECT_GE(full, 16 << 10);
    guest_does(guest, "blkdiscard -o 0 -l 8388608 /dev/xvda");
    EXPECT_TRUE(holds_within(
        base::format("[ $(du -k /run/lab-t-a.qcow2 | cut -f1) -le {} ]", full - (8 << 10)),
        end_limit))
        << dom0("du -k /run/lab-t-a.qcow2");
    EXPECT_EQ(hash(guest, "sum xvda 8 8"), rest);
    ASSERT_TRUE(guest.tell("poweroff"));
    EXPECT_TRUE(gone_within(end_limit));
    EXPECT_EQ(read_image("a.qcow2", 8, 8), rest);
  }
}

// What is on its way is acknowledged by then, also a flush: so nothing more is taken.
TEST_F(PvDrivers, HaveAnErrorOnTheDiskAloneThatHasNoRoomInDom0) {
  ONLY_WHEN_THOROUGH();
  ASSERT_NO_FATAL_FAILURE(make_image("a.qcow2"));
  dom0("mkdir /run/lab-t-full && mount -t tmpfs -o size=4m none /run/lab-t-full");
  const std::string full = "/run/lab-t-full/b.qcow2";
  auto put = stage().put_qcow2(full, 32);
  ASSERT_TRUE(put) << why(put);
  GuestRun guest = start(
      config(disk("xvda", "a.qcow2") + ", \"format=qcow2,vdev=xvdb,access=rw,target=" + full + "\"",
             stock));
  const std::string first = hash(guest, "raw xvdb 1 first"); // and flushes it
  static_cast<void>(guest.ask(
      "sh dd if=/dev/zero of=/dev/xvdb bs=64k seek=64 count=128 conv=notrunc,fsync", ask_limit));
  EXPECT_TRUE(holds_within(
      "grep -q 'disk xvdb: dom0 could not write' /var/log/xen/qemu-dm-t-pv.log", end_limit));
  guest_does(guest, "! dd if=/dev/zero of=/dev/xvdb bs=64k seek=16 count=1 conv=notrunc,fsync");
  const std::string other = hash(guest, "put xvda 2 other");
  guest_does(guest, "echo 1 > /proc/sys/vm/drop_caches");
  EXPECT_EQ(hash(guest, "sum xvdb 1"), first);
  // Room does not bring back what is lost.
  dom0("mount -o remount,size=48m /run/lab-t-full");
  guest_does(guest, "! dd if=/dev/zero of=/dev/xvdb bs=64k seek=16 count=1 conv=notrunc,fsync");
  ASSERT_TRUE(guest.tell("poweroff"));
  EXPECT_TRUE(gone_within(end_limit));
  EXPECT_EQ(read_image("a.qcow2", 0, 2), other);
  GuestRun again = start(
      config(disk("xvda", "a.qcow2") + ", \"format=qcow2,vdev=xvdb,access=rw,target=" + full + "\"",
             stock));
  EXPECT_EQ(hash(again, "sum xvdb 1"), first);
  const std::string last = hash(again, "put xvdb 4 last");
  ASSERT_TRUE(again.tell("poweroff"));
  EXPECT_TRUE(gone_within(end_limit));
  EXPECT_EQ(hash_of_qcow2(full, 0, 4), last);
  dom0("umount /run/lab-t-full && rmdir /run/lab-t-full");
}

// The guest has flushed nothing, QEMU has not written the image's tables when its backend is
// closed, and xl says that the disk is out before it is.
TEST_F(PvDrivers, KeepAllThatIsOnADiskThatIsDetachedAndAttachedAtOnce) {
  ONLY_WHEN_THOROUGH();
  ASSERT_NO_FATAL_FAILURE(make_image("a.qcow2"));
  ASSERT_NO_FATAL_FAILURE(make_image("b.qcow2"));
  GuestRun guest = start(config(disk("xvda", "a.qcow2"), stock));
  const std::string attach = "xl block-attach t-pv " + disk("xvdb", "b.qcow2");
  succeeds(attach, ask_limit);
  std::string written;
  for (const char *round : {"one", "two", "three"}) {
    SCOPED_TRACE(round);
    written = hash(guest, base::format("put xvdb 24 {}", round));
    succeeds("xl block-detach t-pv xvdb && " + attach, ask_limit);
    EXPECT_EQ(hash(guest, "sum xvdb 24"), written);
  }
  ASSERT_TRUE(guest.tell("poweroff"));
  EXPECT_TRUE(gone_within(end_limit));
  EXPECT_EQ(read_image("b.qcow2", 0, 24), written);
}

// QEMU emulates four; the others are for PV drivers. The names of some are beyond xvdz, where
// libxl's own Linux mode ends.
TEST_F(PvDrivers, HaveMoreQcow2DisksThanQemuEmulates) {
  ONLY_WHEN_THOROUGH();
  constexpr int count = 8;
  constexpr int short_names = 5;
  ASSERT_NO_FATAL_FAILURE(make_image("0.qcow2"));
  dom0(base::format("cd /run && for i in $(seq {}); do cp lab-t-0.qcow2 lab-t-$i.qcow2; done",
                    count - 1));
  std::string disks;
  std::string last;
  for (int i = 0; i < count; i++) {
    last = i < short_names ? "xvd" : "xvda";
    last.push_back(static_cast<char>('a' + i % short_names));
    disks += (i == 0 ? "" : ", ") + disk(last, base::format("{}.qcow2", i));
  }
  GuestRun guest = start(config(disks, stock));
  EXPECT_EQ(qemus(), "0");
  const std::string first = hash(guest, "put xvda 1 first");
  const std::string written = hash(guest, "put " + last + " 2 last");
  EXPECT_EQ(hash(guest, "sum " + last + " 2"), written);
  EXPECT_EQ(hash(guest, "sum xvda 1"), first);
  EXPECT_EQ(dom0("xl block-list t-pv | grep -c /qdisk/"), std::to_string(count));

  ASSERT_TRUE(guest.tell("poweroff"));
  EXPECT_TRUE(gone_within(end_limit));
  EXPECT_EQ(read_image(base::format("{}.qcow2", count - 1), 0, 2), written);
}

// A boot loader writes through the emulated disk; nothing that it has not flushed may be lost, or
// overwritten by the PV driver, which gets the disk after it.
TEST_F(PvDrivers, TakeADiskOverWithAllThatWasWrittenThroughItsEmulation) {
  ONLY_WHEN_THOROUGH();
  ASSERT_NO_FATAL_FAILURE(make_image("a.qcow2"));
  GuestRun guest = start(config(disk("xvda", "a.qcow2"), unplug_by_command));
  const std::string before = hash(guest, "put sda 4 before");
  EXPECT_EQ(frontend("vbd/51712"), "1") << "while the emulated disk is there";
  auto unplugged = guest.ask("unplug", ask_limit);
  ASSERT_TRUE(unplugged) << why(unplugged);
  auto loaded = guest.ask("sh insmod /modules/xen-blkfront.ko", ask_limit);
  ASSERT_EQ(loaded.value_or(why(loaded)), "+ sh 0");
  EXPECT_EQ(hash(guest, "sum xvda 4"), before);
  const std::string after = hash(guest, "put xvda 4 after 4");
  EXPECT_EQ(hash(guest, "sum xvda 4"), before);
  EXPECT_EQ(hash(guest, "sum xvda 4 4"), after);
  dom0("xl destroy t-pv");
  EXPECT_TRUE(gone_within(end_limit));
  EXPECT_EQ(read_image("a.qcow2", 0, 4), before);
  EXPECT_EQ(read_image("a.qcow2", 4, 4), after);
}

// What QEMU has mapped of the guest's memory (src/preload/kept_maps.hpp) is not the guest's any
// more when its balloon driver has given it to Xen; what it gets back is other memory at the same
// place.
TEST_F(PvDrivers, GiveMemoryBackWhileAnEmulatedDiskIsAtWork) {
  ONLY_WHEN_THOROUGH();
  ASSERT_NO_FATAL_FAILURE(make_image("a.qcow2"));
  GuestRun guest = start(config(disk("hda", "a.qcow2"), "xen_emul_unplug=never"));
  std::string written = hash(guest, "put sda 8 first");
  for (int round = 0; round < 3; round++) {
    // Its video memory counts as well.
    for (const auto &[mebibytes, reached] :
         {std::pair{128, "-le 130"}, std::pair{192, "-ge 170"}}) {
      EXPECT_EQ(hash(guest, "sum sda 8"), written) << round << " before " << mebibytes;
      succeeds(base::format("xl mem-set t-pv {}m", mebibytes), ask_limit);
      EXPECT_TRUE(holds_within(
          base::format("[ $(xl list t-pv | awk 'NR == 2 {{ print $3 }}') {} ]", reached),
          end_limit))
          << dom0("xl list");
      EXPECT_EQ(hash(guest, "sum sda 8"), written) << round << " after " << mebibytes;
      written = hash(guest, base::format("put sda 8 {}-{}", round, mebibytes));
    }
  }
  EXPECT_EQ(hash(guest, "sum sda 8"), written);
  dom0("xl destroy t-pv");
  EXPECT_TRUE(gone_within(end_limit));
  EXPECT_EQ(read_image("a.qcow2", 0, 8), written);
}

// Each is one more PV console of the guest, which leads to a pty or a socket of dom0's.
TEST_F(PvDrivers, HaveChannelsToAPtyAndToASocket) {
  ONLY_WHEN_THOROUGH();
  ASSERT_NO_FATAL_FAILURE(make_image("a.qcow2"));
  GuestConfig with_channels = config(disk("hda", "a.qcow2"), stock);
  with_channels.extra.emplace_back(
      "channel = [ \"name=org.linstub.pty,connection=pty\", "
      "\"name=org.linstub.socket,connection=socket,path=/run/lab-t-channel\" ]");
  GuestRun guest = start(with_channels);
  auto does = [&](const std::string &command) {
    auto said = guest.ask("sh " + command, ask_limit);
    EXPECT_EQ(said.value_or(why(said)), "+ sh 0") << command;
  };
  EXPECT_EQ(qemus(), "0");
  EXPECT_THAT(dom0("xl channel-list t-pv"), HasSubstr("pty"));
  does("for i in 1 2; do stty -F /dev/hvc$i raw -echo || exit 1; done");
  const std::string tty = dom0("xenstore-read /local/domain/$(xl domid t-pv)/device/console/1/tty");
  for (const auto &[device, address] : {std::pair<std::string, std::string>{"hvc1", tty + ",rawer"},
                                        {"hvc2", "UNIX-CONNECT:/run/lab-t-channel"}}) {
    SCOPED_TRACE(device);
    dom0(base::format("(setsid socat {} SYSTEM:'head -n 1 >/run/lab-t-got; echo from dom0; "
                      "sleep 600' >/dev/null 2>&1 &)",
                      address));
    does(base::format("cat /dev/{} >/tmp/got & sleep 1; echo from the guest >/dev/{}", device,
                      device));
    EXPECT_TRUE(holds_within("grep -q 'from the guest' /run/lab-t-got", end_limit));
    does("i=0; until grep -q 'from dom0' /tmp/got || [ $i = 60 ]; do sleep 1; i=$((i+1)); done; "
         "grep -q 'from dom0' /tmp/got");
    dom0("pkill -x socat; rm -f /run/lab-t-got");
  }
  EXPECT_THAT(fails("linstub upgrade t-pv", ask_limit), HasSubstr("has channel org.linstub"));
  dom0("xl destroy t-pv");
  EXPECT_TRUE(gone_within(end_limit));
}

TEST_F(PvDrivers, ConnectAgainAfterARestoreAndAReboot) {
  ONLY_WHEN_THOROUGH();
  ASSERT_NO_FATAL_FAILURE(make_image("a.qcow2"));
  GuestRun guest = start(config(disk("hda", "a.qcow2"), stock));
  const std::string written = hash(guest, "put xvda 2 one");
  save_and_restore("t-pv");
  ASSERT_TRUE(guest.follow());
  EXPECT_EQ(hash(guest, "sum xvda 2"), written);
  const std::string more = hash(guest, "put xvda 2 two 2");
  EXPECT_EQ(hash(guest, "sum xvda 2 2"), more);
  EXPECT_EQ(frontend("vbd/768"), "4");
  // By force: it has had nothing flushed.
  ASSERT_NO_FATAL_FAILURE(reboot(guest, seconds(120), seconds(300)));
  EXPECT_EQ(hash(guest, "sum xvda 2"), written);
  EXPECT_EQ(hash(guest, "sum xvda 2 2"), more);
  ASSERT_TRUE(guest.tell("poweroff"));
  EXPECT_TRUE(gone_within(end_limit));
  EXPECT_EQ(read_image("a.qcow2", 2, 2), more);
}

// While it runs, its drivers do not look for another backend.
TEST_F(PvDrivers, AreLedToTheNextStubDomainByAMigrationToThisHost) {
  ONLY_WHEN_THOROUGH();
  ASSERT_NO_FATAL_FAILURE(make_image("a.qcow2"));
  GuestRun guest = start(config(disk("hda", "a.qcow2"), stock));
  const std::string written = hash(guest, "put xvda 2 one");
  const std::string before = dom0("xl domid t-pv-dm");
  EXPECT_THAT(succeeds("linstub upgrade --migrate t-pv", migrate_limit),
              HasSubstr("is served by a new stub domain"));
  EXPECT_NE(dom0("xl domid t-pv-dm"), before);
  EXPECT_TRUE(holds_within("! linstub status | grep -q t-pv--", end_limit))
      << dom0("linstub status");
  ASSERT_TRUE(guest.follow());
  EXPECT_EQ(hash(guest, "sum xvda 2"), written);
  EXPECT_EQ(frontend("vbd/768"), "4");
  const std::string more = hash(guest, "put xvda 2 two 2");
  ASSERT_TRUE(guest.tell("poweroff"));
  EXPECT_TRUE(gone_within(end_limit));
  EXPECT_EQ(read_image("a.qcow2", 2, 2), more);
}

// libxl adds such a device when its device model runs, and waits for nobody: so the guest starts,
// and is told.
TEST_F(PvDrivers, WhatCannotBeServedIsRefusedWithAReason) {
  ONLY_WHEN_THOROUGH();
  GuestRun guest = start({.name = "t-pv",
                          .disk = "",
                          .direct_boot = true,
                          .options = without_nic,
                          .extra = {"p9 = [ \"tag=share,path=/tmp,security_model=none\" ]"}});
  constexpr const char *why_not = "a stub domain has no directory of dom0's";
  const std::string backend = "/local/domain/0/backend/9pfs/$(xl domid t-pv)/0";
  EXPECT_TRUE(
      holds_within(base::format("[ \"$(xenstore-read {}/state)\" = 6 ]", backend), end_limit));
  EXPECT_THAT(dom0(base::format("xenstore-read {}/hotplug-error", backend)), HasSubstr(why_not));
  EXPECT_THAT(guest.log(), HasSubstr(why_not));
}

} // namespace
} // namespace linstub::lab
