// SPDX-License-Identifier: MIT
// Disks that go wrong in dom0.
#include "scenario.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr auto ask_limit = seconds(180);

class Disks : public Scenario {};

// A disk that dom0 cannot read, and one that has no room in dom0.
TEST_F(Disks, AnErrorInDom0ReachesTheGuestOnThatDiskAlone) {
  ONLY_WHEN_THOROUGH();
  dom0("mkdir -p /run/lab-t-full && mount -t tmpfs -o size=2m none /run/lab-t-full && "
       "truncate -s 16M /run/lab-t-full/disk.img && truncate -s 16M /run/lab-t-bad.img && "
       "modprobe dm-mod && l=$(losetup -f --show /run/lab-t-bad.img) && "
       "printf '0 8192 linear %s 0\\n8192 24576 error\\n' $l | dmsetup create t-bad");
  GuestConfig config{.name = "t-errors", .direct_boot = true, .options = without_nic};
  config.extra = {"disk = [ \"format=raw,vdev=hda,access=rw,target=/lab/tiny.img\", "
                  "\"format=raw,vdev=hdb,access=rw,target=/dev/mapper/t-bad\", "
                  "\"format=raw,vdev=hdc,access=rw,target=/run/lab-t-full/disk.img\" ]"};
  GuestRun guest = start(config);
  guest_does(guest, "dd if=/dev/sdb of=/dev/null bs=64k count=16");
  guest_does(guest, "! dd if=/dev/sdb of=/dev/null bs=64k skip=128 count=1");
  guest_does(guest, "! dd if=/dev/zero of=/dev/sdc bs=64k count=160 conv=fsync");
  auto disk = guest.ask("disk 1", ask_limit);
  EXPECT_TRUE(disk) << why(disk);
  EXPECT_THAT(dom0("linstub status"), HasSubstr("serving"));
  dom0("xl destroy t-errors");
  dom0("dmsetup remove t-bad; losetup -j /run/lab-t-bad.img | cut -d: -f1 | xargs -r losetup -d; "
       "umount /run/lab-t-full; rm -rf /run/lab-t-full /run/lab-t-bad.img");
}

// Made larger while the guest is off: a raw one is as large as it is; of a qcow2 image the header
// says it, which the guest can have written, so the administrator has to say it as well.
TEST_F(Disks, AreLargerWhenTheyWereMadeLarger) {
  ONLY_WHEN_THOROUGH();
  auto put = stage().put_qcow2("/run/lab-t-grown.qcow2", 16);
  ASSERT_TRUE(put) << why(put);
  dom0("truncate -s 16M /run/lab-t-grown.img");
  GuestConfig config{.name = "t-grown", .disk = "", .direct_boot = true, .options = without_nic};
  config.extra = {"disk = [ \"format=raw,vdev=hda,access=rw,target=/run/lab-t-grown.img\", "
                  "\"format=qcow2,vdev=hdb,access=rw,target=/run/lab-t-grown.qcow2\" ]"};
  auto have = [&](int mebibytes) {
    GuestRun guest = start(config);
    for (const char *disk : {"sda", "sdb"})
      guest_does(guest, base::format("[ $(cat /sys/block/{}/size) = {} ]", disk, mebibytes * 2048));
    dom0("xl destroy t-grown");
  };
  ASSERT_NO_FATAL_FAILURE(have(16));
  // As `qemu-img resize` does it while the first table of tables suffices.
  dom0("truncate -s 24M /run/lab-t-grown.img && python3 -c 'import os, struct; "
       "f = os.open(\"/run/lab-t-grown.qcow2\", os.O_RDWR); "
       "os.pwrite(f, struct.pack(\">Q\", 24 << 20), 24)'");
  auto refused = GuestRun::create(host(), config, ask_limit);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("linstub disk-size IMAGE SIZE"));
  EXPECT_THAT(dom0("linstub disk-size /run/lab-t-grown.qcow2 24M"),
              HasSubstr("says 24 MiB; 24 MiB are on record"));
  ASSERT_NO_FATAL_FAILURE(have(24));
  dom0("rm /run/lab-t-grown.*");
}

// As emulated SCSI disks: libxl refuses IDE ones. A qcow2 one by a PV driver there is not: QEMU, in
// dom0 as well, gives no drive to it ("Block node is read-only").
TEST_F(Disks, ThatAreReadOnlyStayAsTheyAre) {
  ONLY_WHEN_THOROUGH();
  dom0("yes read | head -c 16M >/run/lab-t-ro.img");
  auto put = stage().put_qcow2("/run/lab-t-ro.qcow2", 16);
  ASSERT_TRUE(put) << why(put);
  const std::string hash = "sha256sum /run/lab-t-ro.img /run/lab-t-ro.qcow2";
  const std::string before = dom0(hash);
  GuestRun guest =
      start(pv_guest("t-only",
                     {"disk = [ \"format=raw,vdev=sda,access=ro,target=/run/lab-t-ro.img\", "
                      "\"format=qcow2,vdev=sdb,access=ro,target=/run/lab-t-ro.qcow2\" ]"},
                     "xen_emul_unplug=never"));
  for (const char *device : {"/dev/sda", "/dev/sdb"}) {
    comes_true(guest, base::format("[ -b {} ]", device));
    guest_does(guest, base::format("dd if={} of=/dev/null bs=64k count=16", device));
    guest_does(guest, base::format("! dd if=/dev/zero of={} bs=64k count=1 conv=fsync", device));
    // Not only because its kernel knows.
    guest_does(guest, base::format("blockdev --setrw {}; ! dd if=/dev/zero of={} bs=64k count=1 "
                                   "conv=fsync",
                                   device, device));
  }
  dom0("xl destroy t-only");
  EXPECT_EQ(dom0(hash), before);
  dom0("rm /run/lab-t-ro.*");
}

// An emulated disk has sectors of 512 bytes, whatever the device in dom0 has: what is beside one
// that is written alone stays.
TEST_F(Disks, OfADeviceWithSectorsOf4096Bytes) {
  ONLY_WHEN_THOROUGH();
  for (const DeviceModel device_model : {DeviceModel::linstub, DeviceModel::dom0}) {
    SCOPED_TRACE(device_model_name(device_model));
    const std::string device =
        dom0("truncate -s 16M /run/lab-t-4k.img && losetup -b 4096 -f --show /run/lab-t-4k.img");
    GuestConfig config{.name = "t-sectors",
                       .device_model = device_model,
                       .direct_boot = true,
                       .options = without_nic};
    config.extra = {base::format("disk = [ \"format=raw,vdev=hda,access=rw,target={}\" ]", device)};
    GuestRun guest = start(config);
    auto raw = guest.ask("raw sda 2 sectors", ask_limit);
    ASSERT_TRUE(raw) << why(raw);
    guest_does(guest, "[ $(cat /sys/block/sda/queue/logical_block_size) = 512 ]");
    dom0(base::format("head -c 2M {} >/run/lab-t-4k.then", device));
    guest_does(guest, "printf %512s one | dd of=/dev/sda bs=512 seek=9 conv=notrunc,fsync");
    guest_does(guest, "printf %1024s two | dd of=/dev/sda bs=512 seek=23 conv=notrunc,fsync");
    auto hash = guest.ask("sum sda 2", ask_limit);
    ASSERT_TRUE(hash) << why(hash);
    ASSERT_TRUE(guest.tell("poweroff"));
    EXPECT_TRUE(holds_within("! xl domid t-sectors >/dev/null 2>&1", ask_limit));
    EXPECT_EQ("+ sum " + dom0(base::format("head -c 2M {} | sha256sum | cut -d' ' -f1", device)),
              *hash);
    const std::string wanted =
        dom0("cd /run && printf %512s one | dd of=lab-t-4k.then bs=512 seek=9 conv=notrunc && "
             "printf %1024s two | dd of=lab-t-4k.then bs=512 seek=23 conv=notrunc && "
             "sha256sum lab-t-4k.then | cut -d' ' -f1");
    EXPECT_EQ("+ sum " + wanted, *hash);
    dom0(base::format("losetup -d {} && rm /run/lab-t-4k.img /run/lab-t-4k.then", device));
  }
}

// Xen's own Linux stub domains have 26 at most. Each has its own content, and the guest reads all.
TEST_F(Disks, ThirtyAreEmulated) {
  ONLY_WHEN_THOROUGH();
  constexpr int count = 30;
  constexpr int ports = 6; // of a controller
  dom0(base::format("for i in $(seq {}); do truncate -s 1M /run/lab-t-$i.img; "
                    "echo disk-$i- | dd of=/run/lab-t-$i.img conv=notrunc 2>/dev/null; done",
                    count));
  std::string arguments;
  for (int i = 0; i < count; i++) {
    if (i % ports == 0)
      arguments += base::format("\"-device\", \"ahci,id=a{}\", ", i / ports);
    arguments += base::format("\"-drive\", \"file=/run/lab-t-{}.img,if=none,id=d{},format=raw\", "
                              "\"-device\", \"ide-hd,drive=d{},bus=a{}.{}\", ",
                              i + 1, i, i, i / ports, i % ports);
  }
  GuestConfig config{.name = "t-many", .disk = "", .direct_boot = true, .options = without_nic};
  config.extra = {"vif = [ ]", base::format("device_model_args_hvm = [ {} ]", arguments)};
  GuestRun guest = start(config);
  guest_does(guest, base::format("[ $(ls /sys/block | grep -c sd) = {} ]", count));
  guest_does(guest,
             base::format("[ $(for d in /sys/block/sd*; do head -c 9 /dev/${{d##*/}}; done | "
                          "grep -o 'disk-[0-9]*-' | sort -u | wc -l) = {} ]",
                          count));
  ASSERT_TRUE(guest.tell("poweroff"));
  EXPECT_TRUE(holds_within("! xl domid t-many >/dev/null 2>&1", ask_limit));
  dom0("rm -f /run/lab-t-*.img");
}

} // namespace
} // namespace linstub::lab
