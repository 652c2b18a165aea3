// SPDX-License-Identifier: MIT
// What cannot work fails early, with a sentence that says what and why, and leaves nothing behind.
#include "scenario.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

// 60 s are promised on hardware; the lab is several times slower, and more so on a busy machine.
constexpr auto fail_limit = seconds(150);

struct BadInput {
  const char *name;
  std::string prepare; // a command in dom0; the image's copy is /run/lab-image
  const char *setting; // a line of xl.cfg
  const char *says;    // part of the sentence
};

void PrintTo(const BadInput &input, std::ostream *out) { *out << input.name; }

class RefusesToStart : public Scenario, public ::testing::WithParamInterface<BadInput> {
protected:
  void TearDown() override {
    dom0("rm -rf /run/lab-image");
    Scenario::TearDown();
  }
};

TEST_P(RefusesToStart, SayingWhy) {
  const BadInput &input = GetParam();
  dom0("rm -rf /run/lab-image && cp -r /usr/lib/linstub/image /run/lab-image");
  if (!input.prepare.empty())
    dom0(input.prepare);
  GuestConfig config{.name = "t-bad", .direct_boot = true};
  config.extra.emplace_back(input.setting);
  auto begin = base::Clock::now();
  auto guest = GuestRun::create(host(), config, seconds(200));
  auto took = base::Clock::now() - begin;
  ASSERT_FALSE(guest) << "xl create has succeeded";
  EXPECT_THAT(guest.error().message(), HasSubstr(input.says));
  EXPECT_LT(took, fail_limit);
}

// The header of a qcow2 image, and what else is to be done to it, in Python.
std::string write_qcow2(const std::string &size, const std::string &backing_file,
                        const std::string &then = "pass") {
  return base::format("python3 -c 'import os, struct; p = \"/run/lab-image/disk.qcow2\"; "
                      "h = struct.pack(\">4sIQIIQ72x\", b\"QFI\\xfb\", 3, {}, 0, 16, {}); "
                      "open(p, \"wb\").write(h); {}'",
                      backing_file, size, then);
}
#define QCOW2_DISK "disk = [ \"format=qcow2,vdev=hda,access=rw,target=/run/lab-image/disk.qcow2\" ]"

// A program that has a disk image as QEMU or qemu-img would: writes to it, and lets nobody else.
constexpr const char *lock_as_qemu =
    "truncate -s 1M /run/lab-image/disk.img; (setsid python3 -c 'import fcntl, os, struct, time\n"
    "image = open(\"/run/lab-image/disk.img\")\n"
    "for byte in 101, 201: fcntl.fcntl(image, fcntl.F_OFD_SETLK, "
    "struct.pack(\"hhqqixxxx\", fcntl.F_RDLCK, 0, byte, 1, 0))\n"
    "while os.path.exists(image.name): time.sleep(0.2)' >/dev/null 2>&1 &); sleep 1";
#define RAW_DISK "disk = [ \"format=raw,vdev=hda,access=rw,target=/run/lab-image/disk.img\" ]"

#define WITH_IMAGE "device_model_args_hvm = [ \"-linstub\", \"image=/run/lab-image\" ]"

INSTANTIATE_TEST_SUITE_P(
    All, RefusesToStart,
    ::testing::Values(
        BadInput{"ImageMissing", "rm -rf /run/lab-image", WITH_IMAGE,
                 "there is no stub domain image in /run/lab-image"},
        BadInput{"KernelIsNoKernel",
                 "s=$(stat -c %s /run/lab-image/kernel) && "
                 "head -c $s /dev/urandom > /run/lab-image/kernel",
                 WITH_IMAGE, "is not a Linux kernel"},
        BadInput{"RamdiskIsTruncated", "truncate -s -1000 /run/lab-image/init", WITH_IMAGE,
                 "according to its manifest"},
        BadInput{"ImageIsForAnotherXen",
                 "sed -i 's/\"xen\": *\"[0-9.]*\"/\"xen\": \"4.17\"/' /run/lab-image/manifest.json",
                 WITH_IMAGE, "was built for Xen 4.17"},
        BadInput{"DiskIsMissing", "", "disk = [ \"format=raw,vdev=hda,access=rw,target=/no.img\" ]",
                 "/no.img"},
        BadInput{"DiskIsInUse", lock_as_qemu, RAW_DISK, "disk.img: python3 (process"},
        // Headers as the guest's QEMU could have left them.
        BadInput{"DiskNamesABackingFile", write_qcow2("1 << 30", "512"), QCOW2_DISK,
                 "do not convert, flatten or mount"},
        BadInput{"DiskAsksForMoreThanItHad",
                 write_qcow2("1 << 46", "0", "os.setxattr(p, \"user.linstub.size\", b\"1G\")"),
                 QCOW2_DISK, "linstub disk-size IMAGE SIZE"},
        BadInput{"DiskAsksForMoreThanTheHostAllows", write_qcow2("1 << 46", "0"), QCOW2_DISK,
                 "largest-disk"},
        BadInput{"BridgeIsMissing", "", "vif = [ \"bridge=nobr0,model=e1000\" ]", "nobr0"},
        BadInput{"NicModelIsNotServed", "", "vif = [ \"bridge=xenbr0,model=vmxnet3\" ]",
                 "a NIC of model vmxnet3 is not served: use e1000"},
        BadInput{"MemoryIsTooSmall", "", "device_model_args_hvm = [ \"-linstub\", \"memory=8\" ]",
                 "8 MiB is too little"},
        BadInput{"SettingIsUnknown", "", "device_model_args_hvm = [ \"-linstub\", \"color=blue\" ]",
                 "there is no setting \"color\""},
        BadInput{"OptionCannotBeServed", "",
                 "spice = 1\nspicehost = \"127.0.0.1\"\nspiceport = 6000\n"
                 "spicedisable_ticketing = 1",
                 "spice"},
        BadInput{"StubDomainNeverAnswers", "",
                 "device_model_args_hvm = [ \"-linstub\", "
                 "\"kernel-options=init=/nothing rdinit=/nothing\" ]",
                 "stub domain"}),
    [](const auto &test) { return test.param.name; });

} // namespace
} // namespace linstub::lab
