// SPDX-License-Identifier: MIT
// What a guest has written to its disks is for nobody in dom0 to look at.
#include "scenario.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

// Writes a disk with the superblock of an md array in one file, and one with the label of a
// physical volume of LVM in another.
constexpr const char *forge = R"(python3 - <<'END'
import struct, zlib
size = 8 << 20
def disk(name, at, data):
    with open(f"/run/lab-t-{name}.img", "wb") as f:
        f.truncate(size)
        f.seek(at)
        f.write(data)
# md, version 1.2 (Linux, md_p.h), RAID 1 of two.
def superblock(digest):
    head = struct.pack("<IIII16s32sQIIQIII", 0xa92b4efc, 1, 0, 0, b"forged-set-uuid0", b"forged:0",
                       0, 1, 0, size // 512 - 2048, 0, 2, 0).ljust(128, b"\0")
    data = struct.pack("<QQQQII16sQ", 2048, size // 512 - 2048, 8, 0, 0, 0, b"forged-dev-uuid0", 0)
    tail = struct.pack("<QQQII32x", 0, 1, 0, digest, 2)
    return head + data + tail + struct.pack("<HH", 0, 1)
total = sum(w for (w,) in struct.iter_unpack("<I", superblock(0)))
disk("md", 4096, superblock((total & 0xffffffff) + (total >> 32)))
# LVM (its format_text/layout.h): a label in the second sector; its checksum starts at another value.
rest = struct.pack("<I8s32sQ", 32, b"LVM2 001", b"Forged0PhysicalVolumeUuid1234567", size)
rest = rest.ljust(492, b"\0")
crc = zlib.crc32(rest, 0xf597a6cf ^ 0xffffffff) ^ 0xffffffff
disk("pv", 512, b"LABELONE" + struct.pack("<QI", 1, crc) + rest)
END)";

// Shell: the loop devices over a file that are marked as Linstub's, or those that are not.
std::string loops(const std::string &file, const char *marked) {
  return base::format(
      "mark=$(grep -o 'sizelimit}}==\"[0-9]*' /usr/lib/udev/rules.d/05-linstub.rules | tr -cd "
      "0-9); "
      "[ -n \"$mark\" ] && for d in /sys/block/loop*/loop; do "
      "[ \"$(cat $d/backing_file 2>/dev/null)\" = {} ] && "
      "[ \"$(cat $d/sizelimit)\" {} \"$mark\" ] && basename $(dirname $d); done; true",
      file, marked);
}

class ForeignData : public Scenario {
protected:
  // What udev knows of a loop device.
  std::string known(const std::string &loop) {
    return dom0("udevadm settle -t 60; udevadm info --query=all --name=/dev/" + loop);
  }
};

TEST_F(ForeignData, OfAGuestsDisksIsNotReadByUdev) {
  dom0(forge);
  for (const auto &[name, type] :
       {std::pair("md", "linux_raid_member"), std::pair("pv", "LVM2_member")}) {
    SCOPED_TRACE(name);
    const std::string file = base::format("/run/lab-t-{}.img", name);
    // For comparison: one that is not Linstub's is read, so there is something to be seen.
    const std::string plain = dom0("losetup -f --show " + file);
    EXPECT_THAT(known(plain.substr(5)), HasSubstr(base::format("ID_FS_TYPE={}", type)));
    dom0("losetup -d " + plain);

    GuestRun guest = start({.name = "t-forged",
                            .disk = "",
                            .direct_boot = true,
                            .options = without_nic,
                            .extra = {base::format("disk = [ \"format=raw,vdev=hda,access=rw,"
                                                   "backendtype=phy,target={}\" ]",
                                                   file)}});
    const std::string ours = dom0(loops(file, "="));
    ASSERT_THAT(ours, HasSubstr("loop"));
    ASSERT_THAT(ours, Not(HasSubstr("\n")));
    const std::string properties = known(ours);
    for (const char *what : {"ID_FS_", "ID_PART_", "disk/by-"})
      EXPECT_THAT(properties, Not(HasSubstr(what)));
    EXPECT_THAT(properties, HasSubstr("SYSTEMD_READY=0"));
    // Nor later, when somebody makes udev look at all devices anew.
    dom0("udevadm trigger -c change /dev/" + ours);
    EXPECT_THAT(known(ours), Not(HasSubstr("ID_FS_")));
    EXPECT_EQ(dom0("ls /dev/md* 2>/dev/null | wc -l"), "0");
    EXPECT_EQ(dom0(base::format("find /dev/disk -lname '*/{}' | wc -l", ours)), "0");
    dom0("xl destroy t-forged");
    ASSERT_TRUE(holds_within("! losetup -a | grep -q lab-t-", seconds(60))) << dom0("losetup -a");
  }
}

// Without QEMU: the second disk is refused, after the first has been looked at.
TEST_F(ForeignData, InAQcow2HeaderIsBelievedOnce) {
  auto write_header = [this](const std::string &name, const std::string &size, int backing_file) {
    dom0(base::format("python3 -c 'import os, struct; "
                      "f = os.open(\"/run/lab-t-{}.qcow2\", os.O_RDWR | os.O_CREAT); "
                      "os.pwrite(f, struct.pack(\">4sIQIIQ72x\", b\"QFI\\xfb\", 3, {}, 0, 16, "
                      "{}), 0)'",
                      name, backing_file, size));
  };
  auto refusal = [this](const std::string &disks) {
    auto guest = GuestRun::create(host(),
                                  {.name = "t-header",
                                   .disk = "",
                                   .direct_boot = true,
                                   .options = without_nic,
                                   .extra = {base::format("disk = [ {} ]", disks)}},
                                  seconds(200));
    return guest ? "it has started" : guest.error().message();
  };
  const std::string first = "\"format=qcow2,vdev=hda,access=rw,target=/run/lab-t-one.qcow2\"";
  const std::string second = "\"format=qcow2,vdev=hdb,access=rw,target=/run/lab-t-two.qcow2\"";
  const std::string look = "python3 -c 'import os; p = \"/run/lab-t-one.qcow2\"; "
                           "print(os.getxattr(p, \"user.linstub.size\").decode(), "
                           "os.stat(p).st_size, os.stat(p).st_blocks < 64)'";
  // 1 GiB, and room for the tables of its clusters.
  const std::string as_recorded = "1073741824 1157627904 True";

  write_header("one", "1 << 30", 0);
  write_header("two", "1 << 30", 512);
  EXPECT_THAT(refusal(first + ", " + second), HasSubstr("do not convert"));
  EXPECT_EQ(dom0(look), as_recorded);
  write_header("one", "1 << 46", 0);
  EXPECT_THAT(refusal(first), HasSubstr("linstub disk-size IMAGE SIZE"));
  EXPECT_EQ(dom0(look), as_recorded);
}

} // namespace
} // namespace linstub::lab
