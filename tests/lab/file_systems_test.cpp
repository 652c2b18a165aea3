// SPDX-License-Identifier: MIT
// Images that lie where a host may keep them, beside the ext4 of the other scenarios: on XFS, and
// on NFS. The locks, the holes and the direct I/O of each are its own.
#include "scenario.hpp"

#include <array>
#include <string_view>

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr auto ask_limit = seconds(240);
constexpr auto service_limit = seconds(120);
constexpr auto upgrade_limit = seconds(240);
constexpr auto gone_limit = seconds(120);
constexpr int mib = 2; // of each disk are written

struct Image {
  const char *path;
  const char *format;
  const char *vdev;
  const char *device; // in the guest
};
constexpr std::array images{
    Image{"/run/lab-t-xfs/raw", "raw", "hda", "sda"},
    Image{"/run/lab-t-xfs/qcow2", "qcow2", "hdb", "sdb"},
    Image{"/run/lab-t-nfs/raw", "raw", "hdc", "sdc"},
    Image{"/run/lab-t-nfs/qcow2", "qcow2", "hdd", "sdd"},
};

std::string disk(const Image &image) {
  return base::format("\"format={},vdev={},access=rw,target={}\"", image.format, image.vdev,
                      image.path);
}

class FileSystems : public Scenario, public ::testing::WithParamInterface<DeviceModel> {
protected:
  // What the host exports to itself is a directory of the other one: one file system to make.
  void SetUp() override {
    ONLY_WHEN_THOROUGH(); // else no lab of this shape is made
    succeeds("truncate -s 320M /run/lab-t-xfs.img && mkfs.xfs -q /run/lab-t-xfs.img && "
             "mkdir -p /run/lab-t-xfs /run/lab-t-nfs && "
             "mount -o loop /run/lab-t-xfs.img /run/lab-t-xfs && "
             "mkdir /run/lab-t-xfs/export && systemctl start nfs-server && "
             "exportfs -o rw,no_root_squash,fsid=0 127.0.0.1:/run/lab-t-xfs/export && "
             "mount -t nfs4 127.0.0.1:/ /run/lab-t-nfs",
             service_limit);
    for (const Image &image : images) {
      if (std::string_view(image.format) == "raw") {
        dom0(base::format("truncate -s 16M {}", image.path));
        continue;
      }
      auto put = stage().put_qcow2(image.path, 16);
      ASSERT_TRUE(put) << why(put);
    }
    Scenario::SetUp();
  }
  void TearDown() override {
    if (IsSkipped())
      return;
    Scenario::TearDown();
    succeeds("umount /run/lab-t-nfs && exportfs -ua && systemctl stop nfs-server rpcbind.socket && "
             "umount /run/lab-t-xfs && rm -rf /run/lab-t-nfs /run/lab-t-xfs /run/lab-t-xfs.img",
             service_limit);
  }

  // The hash of what the guest has written, as dom0 sees it.
  std::string read_image(const Image &image) {
    if (std::string_view(image.format) == "raw")
      return dom0(base::format("head -c {}M {} | sha256sum | cut -d' ' -f1", mib, image.path));
    return hash_of_qcow2(image.path, 0, mib);
  }

  std::array<std::string, images.size()> hashes(GuestRun &guest) {
    std::array<std::string, images.size()> found;
    for (size_t i = 0; i < images.size(); i++) {
      auto sum = guest.ask(base::format("sum {} {}", images[i].device, mib), ask_limit);
      EXPECT_TRUE(sum) << why(sum);
      found[i] = sum.value_or("").substr(sum.value_or("").rfind(' ') + 1);
    }
    return found;
  }
};

TEST_P(FileSystems, OfDom0CarryTheDisksOfAGuest) {
  ONLY_WHEN_THOROUGH();
  std::string disks;
  for (const Image &image : images)
    disks += disk(image) + ", ";
  GuestRun guest = start({.name = "t-files",
                          .device_model = GetParam(),
                          .direct_boot = true,
                          .options = without_nic,
                          .extra = {base::format("disk = [ {} ]", disks)}});
  ASSERT_FALSE(HasFailure());
  for (const Image &image : images) {
    auto raw = guest.ask(base::format("raw {} {} {}", image.device, mib, image.path), ask_limit);
    EXPECT_TRUE(raw) << why(raw);
  }
  const auto written = hashes(guest);

  // A lock holds on each of them, whoever asks for it.
  if (GetParam() == DeviceModel::linstub) {
    for (const Image &image : images) {
      SCOPED_TRACE(image.path);
      dom0(base::format("printf 'name=\"t-second\"\\ntype=\"hvm\"\\nmemory=32\\nvif=[]\\n"
                        "device_model_override=\"/usr/libexec/linstub/linstub-dm\"\\n"
                        "disk=[ %s ]\\n' '{}' > /run/lab-t-second.cfg",
                        disk(image)));
      EXPECT_THAT(fails("xl create /run/lab-t-second.cfg", ask_limit),
                  HasSubstr(base::format("{}: guest t-files (process", image.path)));
    }
    dom0("rm /run/lab-t-second.cfg");
    succeeds("linstub upgrade t-files", upgrade_limit);
    EXPECT_EQ(hashes(guest), written);
  }
  ASSERT_TRUE(guest.tell("poweroff"));
  EXPECT_TRUE(holds_within("! xl domid t-files >/dev/null 2>&1", gone_limit));
  for (size_t i = 0; i < images.size(); i++)
    EXPECT_EQ(read_image(images[i]), written[i]) << images[i].path;
}

INSTANTIATE_TEST_SUITE_P(Both, FileSystems,
                         ::testing::Values(DeviceModel::linstub, DeviceModel::dom0),
                         name_by_device_model);

} // namespace
} // namespace linstub::lab
