// SPDX-License-Identifier: MIT
// dom0 ends without a warning: what a guest has flushed is there. What a loss of power leaves is
// taken from below dom0's file system, at one moment, while everything goes on: what is still in
// dom0's own page cache, or in QEMU, is not in it.
#include "scenario.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <vector>

namespace linstub::lab {
namespace {

using std::chrono::seconds;

constexpr auto ask_limit = seconds(240);
constexpr auto copy_limit = seconds(240);
constexpr int pieces = 24; // of a MiB, that are written in turn

struct Path {
  const char *name;
  const char *device; // the guest's
  bool qcow2;
};
void PrintTo(const Path &path, std::ostream *out) { *out << path.name; }

class Crash : public Scenario, public ::testing::WithParamInterface<Path> {
protected:
  void prepare() {
    // dom0's file system is on a disk that lies in memory, and whose content can be had at any
    // time.
    dom0("mkdir -p /run/lab-t-crash && mount -t tmpfs -o size=240m none /run/lab-t-crash && "
         "cd /run/lab-t-crash && mkdir fs then && truncate -s 100M disk && modprobe dm-mod && "
         "echo 0 204800 linear $(losetup -f --show disk) 0 | dmsetup create t-crash && "
         "mkfs.ext4 -q /dev/mapper/t-crash && mount /dev/mapper/t-crash fs");
    if (GetParam().qcow2) {
      auto put = stage().put_qcow2(image, 32);
      ASSERT_TRUE(put) << why(put);
      auto added = stage().add_pv_guest();
      ASSERT_TRUE(added) << why(added);
    } else {
      dom0(base::format("truncate -s 32M {}", image));
    }
    dom0("sync");
  }
  void TearDown() override {
    host()
        .run("xl destroy t-crash 2>/dev/null; cd /run/lab-t-crash && umount then; umount fs; "
             "dmsetup remove t-crash; losetup -a | grep lab-t-crash | cut -d: -f1 | "
             "xargs -r -n 1 losetup -d; cd /; umount /run/lab-t-crash; rmdir /run/lab-t-crash",
             seconds(120))
        .value_or(base::Output{});
    Scenario::TearDown();
  }

  GuestRun start_guest() {
    GuestConfig config{
        .name = "t-crash",
        .direct_boot = true,
        .options = without_nic,
        .extra = {base::format("disk = [ \"format={},vdev=hda,access=rw,target={}\" ]",
                               GetParam().qcow2 ? "qcow2" : "raw", image)}};
    if (std::string_view(GetParam().device) == "xvda") {
      config.direct_boot = false;
      std::ranges::copy(pv_guest_lines(), std::back_inserter(config.extra));
    }
    return start(config);
  }

  // Writes a piece; its hash.
  static std::string write(GuestRun &guest, int piece, int round) {
    auto put =
        guest.ask(base::format("put {} 1 round-{} {}", GetParam().device, round, piece), ask_limit);
    EXPECT_TRUE(put) << why(put);
    return put.value_or("").substr(put.value_or("").rfind(' ') + 1);
  }
  static void flush(GuestRun &guest) {
    auto flushed = guest.ask(base::format("sh dd if=/dev/null of=/dev/{} bs=512 count=0 "
                                          "conv=notrunc,fsync 2>/dev/null",
                                          GetParam().device),
                             ask_limit);
    EXPECT_TRUE(flushed && *flushed == "+ sh 0") << why(flushed);
  }

  // What is on dom0's disk now, after its file system was recovered.
  void crash() {
    dom0("cd /run/lab-t-crash && dmsetup suspend --noflush --nolockfs t-crash && cp disk copy; "
         "s=$?; dmsetup resume t-crash; [ $s = 0 ] && mount -o loop copy then");
    if (!GetParam().qcow2)
      return;
    auto taken = stage().take_qcow2("/run/lab-t-crash/then/disk.img", local);
    ASSERT_TRUE(taken) << why(taken);
  }
  void forget_crash() {
    dom0("cd /run/lab-t-crash && umount then && rm copy");
    std::filesystem::remove(local);
  }
  std::string hash_after_crash(int piece) {
    const std::string command =
        base::format("dd if={} bs=1M skip={} count=1 2>/dev/null | sha256sum | cut -c1-64",
                     GetParam().qcow2 ? local : "/run/lab-t-crash/then/disk.img", piece);
    if (!GetParam().qcow2)
      return dom0(command);
    auto said =
        base::run_checked({.argv = {"sh", "-c", command}}, base::Deadline::after(seconds(60)));
    EXPECT_TRUE(said) << why(said);
    return said.value_or("").substr(0, 64);
  }

  static constexpr const char *image = "/run/lab-t-crash/fs/disk.img";
  const std::string local = ::testing::TempDir() + "t-crash.img";
};

TEST_P(Crash, LosesNothingThatAGuestHasFlushed) {
  ONLY_WHEN_THOROUGH();
  ASSERT_NO_FATAL_FAILURE(prepare());
  GuestRun guest = start_guest();
  ASSERT_FALSE(HasFailure());
  std::array<std::string, pieces> hashes;
  const int times = rounds(6, 100);
  for (int round = 0; round < times; round++) {
    SCOPED_TRACE(base::format("round {}", round));
    const int piece = round % pieces;
    hashes.at(static_cast<size_t>(piece)) = write(guest, piece, round);
    flush(guest);
    ASSERT_NO_FATAL_FAILURE(crash());
    for (const int other : {piece, round * 7 % pieces}) {
      if (const std::string &hash = hashes.at(static_cast<size_t>(other)); !hash.empty()) {
        EXPECT_EQ(hash_after_crash(other), hash) << "piece " << other;
      }
    }
    forget_crash();
    ASSERT_FALSE(HasFailure());
  }
  // Without a flush it would be lost: so the rounds have shown something.
  const int piece = times % pieces;
  const std::string unflushed = write(guest, piece, times);
  ASSERT_NO_FATAL_FAILURE(crash());
  EXPECT_NE(hash_after_crash(piece), unflushed);
  forget_crash();
  dom0("xl destroy t-crash");
}

INSTANTIATE_TEST_SUITE_P(Of, Crash,
                         ::testing::Values(Path{"RawEmulated", "sda", false},
                                           Path{"Qcow2Emulated", "sda", true},
                                           Path{"Qcow2ByPvDriver", "xvda", true}),
                         [](const auto &test) { return test.param.name; });

} // namespace
} // namespace linstub::lab
