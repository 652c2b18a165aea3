// SPDX-License-Identifier: MIT
// Disks that go wrong in dom0.
#include "scenario.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr auto ask_limit = seconds(180);

class Disks : public Scenario {
protected:
  void guest_does(GuestRun &guest, const std::string &command) {
    auto said = guest.ask("sh " + command, ask_limit);
    ASSERT_TRUE(said) << why(said);
    EXPECT_EQ(*said, "+ sh 0") << command;
  }
};

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

} // namespace
} // namespace linstub::lab
