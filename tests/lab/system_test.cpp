// SPDX-License-Identifier: MIT
// The guest "system": Debian with its stock kernel, an initramfs, systemd and PV drivers, from a
// disk with GRUB. It counts on its disk all the while, and keeps a file by its hash.
#include "scenario.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto ask_limit = seconds(240);
constexpr auto create_limit = seconds(120);
constexpr auto boot_limit = seconds(900); // BIOS, GRUB, initramfs and systemd
constexpr auto state_limit = seconds(400);
constexpr auto copy_limit = seconds(600);
constexpr auto end_limit = seconds(240);

// Where its disk lies in dom0.
enum class Kind : uint8_t { raw, lvm, qcow2 };

struct Row {
  const char *name;
  Kind kind;
  unsigned cpus;
};
void PrintTo(const Row &row, std::ostream *out) { *out << row.name; }

// A disk of its own for each scenario, made from what the stage has.
struct Place {
  SystemDisk from;
  const char *xl;     // of the xl.cfg
  const char *make;   // commands in dom0
  const char *remove; // that there is none is no error
};
const Place &place_of(Kind kind) {
  static const std::array places{
      Place{.from = SystemDisk::raw,
            .xl = "format=raw,vdev=hda,access=rw,target=/var/tmp/t-system.img",
            .make = "cp --sparse=always /lab/system.img /var/tmp/t-system.img",
            .remove = "rm -f /var/tmp/t-system.img"},
      Place{.from = SystemDisk::raw,
            .xl = "format=raw,vdev=hda,access=rw,target=/dev/t-lab/system",
            .make = "truncate -s 600M /var/tmp/t-pv.img && "
                    "losetup -f --show /var/tmp/t-pv.img >/run/lab-t-loop && "
                    "vgcreate -qq t-lab $(cat /run/lab-t-loop) && "
                    "lvcreate -qq -y -Zn -Wn -L 512M -n system t-lab && "
                    "dd if=/lab/system.img of=/dev/t-lab/system bs=1M conv=sparse 2>&1",
            .remove = "vgremove -qq -f t-lab 2>/dev/null; "
                      "[ ! -e /run/lab-t-loop ] || losetup -d $(cat /run/lab-t-loop); "
                      "rm -f /var/tmp/t-pv.img /run/lab-t-loop"},
      Place{.from = SystemDisk::qcow2,
            .xl = "format=qcow2,vdev=hda,access=rw,target=/var/tmp/t-system.qcow2",
            .make = "cp /lab/system.qcow2 /var/tmp/t-system.qcow2",
            .remove = "rm -f /var/tmp/t-system.qcow2"},
  };
  return places.at(static_cast<size_t>(kind));
}

class System : public Scenario, public ::testing::WithParamInterface<Row> {
protected:
  void SetUp() override {
    if (!thorough())
      return;
    Scenario::SetUp();
    auto added = stage().add_system_disk(place().from);
    ASSERT_TRUE(added) << why(added);
    host().run(place().remove, ask_limit).value_or(base::Output{}); // of a run that broke off
    succeeds(place().make, copy_limit);
  }
  void TearDown() override {
    if (!thorough())
      return;
    host()
        .run("xl destroy t-system; sleep 3; rm -f /var/tmp/t-system.save", ask_limit)
        .value_or(base::Output{});
    host().run(place().remove, ask_limit).value_or(base::Output{});
    Scenario::TearDown();
  }

  static const Place &place() { return place_of(GetParam().kind); }

  void create() {
    const unsigned cpus = GetParam().cpus;
    auto begin = std::chrono::steady_clock::now();
    auto guest = GuestRun::create(
        host(),
        {.name = "t-system",
         .disk = "",
         .memory = 384,
         .extra = {base::format("disk = [ \"{}\" ]", place().xl), "hdtype = \"ahci\"",
                   base::format("vcpus = {}\nmaxvcpus = 2", cpus)}},
        create_limit);
    ASSERT_TRUE(guest) << why(guest);
    guest_.emplace(std::move(*guest));
    auto ready = guest_->wait_for("+ ready", boot_limit);
    ASSERT_TRUE(ready) << why(ready);
    tell("from xl create to its prompt", begin);
  }

  // Prints how long something took: a figure, which is not judged.
  static void tell(const char *what, std::chrono::steady_clock::time_point begin) {
    std::printf("%s: %.0f s\n", what,
                std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }

  std::string ask(const std::string &command) {
    auto answer = guest_->ask(command, ask_limit);
    EXPECT_TRUE(answer) << why(answer);
    return answer.value_or("");
  }

  // The disk is the PV driver's alone, the work has gone on with nothing lost, and the file is what
  // it was.
  void expect_all_well(const char *when, unsigned cpus) {
    SCOPED_TRACE(when);
    EXPECT_THAT(ask("state"), StartsWith("+ state running"));
    EXPECT_EQ(ask("root"), "+ root xvda vbd");
    EXPECT_EQ(ask("sh [ ! -e /dev/sda ]"), "+ sh 0") << "the emulated disk is unplugged";
    EXPECT_EQ(ask(base::format("sh [ $(nproc) = {} ]", cpus)), "+ sh 0");
    EXPECT_THAT(ask("stored 8 system"), StartsWith("+ stored "));
    expect_work();
    EXPECT_EQ(qemus(), "0");
  }
  void expect_work() {
    uint64_t now = count();
    for (int tries = 0; tries < 20 && now <= worked_; tries++)
      now = count();
    EXPECT_GT(now, worked_) << "numbers on the disk";
    worked_ = now;
  }
  uint64_t count() {
    constexpr size_t prefix = std::string_view("+ work ").size();
    const std::string answer = ask("work");
    return answer.size() > prefix ? std::strtoull(answer.c_str() + prefix, nullptr, 10) : 0;
  }

  void has_a_disk_for_a_while() {
    auto put = stage().put_qcow2("/run/lab-t-more.qcow2", 32);
    ASSERT_TRUE(put) << why(put);
    succeeds("xl block-attach t-system "
             "format=qcow2,vdev=xvdb,access=rw,target=/run/lab-t-more.qcow2",
             ask_limit);
    EXPECT_EQ(ask("sh for i in $(seq 60); do [ -b /dev/xvdb ] && break; sleep 0.5; done; "
                  "head -c 4M /dev/urandom >/run/data && "
                  "dd if=/run/data of=/dev/xvdb bs=64k conv=fsync && "
                  "dd if=/dev/xvdb bs=64k count=64 iflag=direct | cmp - /run/data"),
              "+ sh 0");
    succeeds("xl block-detach t-system xvdb", ask_limit);
    EXPECT_EQ(ask("sh for i in $(seq 60); do [ -b /dev/xvdb ] || break; sleep 0.5; done; "
                  "[ ! -b /dev/xvdb ]"),
              "+ sh 0");
    dom0("rm /run/lab-t-more.qcow2");
  }

  // With the guest's domid before.
  void reboots(const char *how, const std::function<void()> &begin) {
    SCOPED_TRACE(how);
    const std::string before = dom0("xl domid t-system");
    const auto start = std::chrono::steady_clock::now();
    begin();
    ASSERT_NO_FATAL_FAILURE(come_back(*guest_, before, end_limit, boot_limit));
    tell(how, start);
  }

  // What is on the disk when the guest is gone: its file system is whole, and so is the file.
  void expect_whole_disk(const std::string &hash) {
    const bool here = GetParam().kind == Kind::qcow2; // qemu-img is not in dom0
    std::string disk = GetParam().kind == Kind::lvm ? "/dev/t-lab/system" : "/var/tmp/t-system.img";
    const std::string local = ::testing::TempDir() + "t-system";
    if (here) {
      auto taken = stage().take_qcow2("/var/tmp/t-system.qcow2", local);
      ASSERT_TRUE(taken) << why(taken);
      disk = local;
    }
    const std::string look = base::format(
        "set -e; mkdir -p /run; e2fsck -fn '{}?offset=1048576' >/run/lab-t-fsck 2>&1 || {{ cat "
        "/run/lab-t-fsck; exit 1; "
        "}}; "
        "debugfs -R 'cat /var/lib/stored' '{}?offset=1048576' 2>/dev/null | sha256sum | cut -c1-64",
        disk, disk);
    std::string said;
    if (here) {
      auto output =
          base::run({.argv = {"sh", "-c", look + " 2>&1"}}, base::Deadline::after(copy_limit));
      ASSERT_TRUE(output) << why(output);
      EXPECT_TRUE(output->status.success()) << output->out;
      said = output->out;
      std::filesystem::remove(local);
    } else {
      said = succeeds("sh -c " + quote(look), copy_limit);
    }
    EXPECT_THAT(said, HasSubstr(hash));
  }

  std::optional<GuestRun> guest_;
  uint64_t worked_ = 0;
};

TEST_P(System, StaysAtWorkThroughAllThatIsDoneToIt) {
  ONLY_WHEN_THOROUGH();
  unsigned cpus = GetParam().cpus;
  ASSERT_NO_FATAL_FAILURE(create());
  const std::string stored = ask("store 8 system");
  const std::string hash = stored.substr(stored.rfind(' ') + 1);
  expect_all_well("after the start", cpus);

  auto begin = std::chrono::steady_clock::now();
  save_and_restore("t-system");
  tell("save and restore", begin);
  ASSERT_TRUE(guest_->follow());
  expect_all_well("after save and restore", cpus);

  begin = std::chrono::steady_clock::now();
  succeeds("xl migrate -s '' t-system 'xl migrate-receive'", state_limit);
  tell("migration", begin);
  ASSERT_TRUE(guest_->follow());
  expect_all_well("after a migration", cpus);

  // One whose PV drivers the stub domain serves is migrated to this host.
  begin = std::chrono::steady_clock::now();
  const std::string domid = dom0("xl domid t-system");
  succeeds("linstub upgrade --migrate t-system", state_limit);
  tell("upgrade", begin);
  if (dom0("xl domid t-system") != domid) {
    ASSERT_TRUE(guest_->follow());
  }
  expect_all_well("after an upgrade", cpus);
  ASSERT_NO_FATAL_FAILURE(has_a_disk_for_a_while());
  expect_all_well("after a disk that came and went", cpus);

  if (cpus == 1) {
    succeeds("xl vcpu-set --ignore-host t-system 2", ask_limit);
    // Debian leaves it to the administrator to use a CPU that has come.
    EXPECT_EQ(ask("sh for i in $(seq 60); do [ -e /sys/devices/system/cpu/cpu1/online ] && break; "
                  "sleep 0.5; done; echo 1 >/sys/devices/system/cpu/cpu1/online"),
              "+ sh 0");
    cpus = 2;
    expect_all_well("with a second CPU", cpus);
  }

  ASSERT_NO_FATAL_FAILURE(reboots("its own reboot", [&] { ASSERT_TRUE(guest_->tell("reboot")); }));
  cpus = GetParam().cpus;
  expect_all_well("after its own reboot", cpus);
  ASSERT_NO_FATAL_FAILURE(reboots("xl reboot", [&] { succeeds("xl reboot t-system", ask_limit); }));
  expect_all_well("after xl reboot", cpus);

  succeeds("xl shutdown -w t-system", end_limit);
  EXPECT_TRUE(holds_within("! xl domid t-system >/dev/null 2>&1", end_limit));
  expect_whole_disk(hash);
}

INSTANTIATE_TEST_SUITE_P(
    OnDisk, System,
    ::testing::Values(Row{.name = "Raw", .kind = Kind::raw, .cpus = 1},
                      Row{.name = "RawTwoCpus", .kind = Kind::raw, .cpus = 2},
                      Row{.name = "Lvm", .kind = Kind::lvm, .cpus = 1},
                      Row{.name = "LvmTwoCpus", .kind = Kind::lvm, .cpus = 2},
                      Row{.name = "Qcow2", .kind = Kind::qcow2, .cpus = 1},
                      Row{.name = "Qcow2TwoCpus", .kind = Kind::qcow2, .cpus = 2}),
    [](const auto &test) { return test.param.name; });

} // namespace
} // namespace linstub::lab
