// SPDX-License-Identifier: MIT
// The life of a guest on a stub domain, and every way it can end.
#include "lab/screenshot.hpp"
#include "scenario.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr auto ask_limit = seconds(120);
constexpr auto end_limit = seconds(60);
constexpr auto upgrade_limit = seconds(200);
// Five seconds are promised on hardware; the lab is several times slower.
constexpr base::Milliseconds crash_limit{10'000};

class LifeCycle : public Scenario {
protected:
  // Direct boot: seconds instead of the BIOS's minute.
  static GuestConfig quick(const std::string &name = "t-life") {
    return {.name = name, .direct_boot = true, .options = without_nic};
  }

  bool gone_within(const std::string &name, base::Milliseconds limit) {
    return holds_within(base::format("! xl domid {} >/dev/null 2>&1", name), limit);
  }
};

TEST_F(LifeCycle, BootsFromItsDiskTalksOnSerialUsesDiskAndNetwork) {
  GuestRun guest = start({.name = "t-disk"});
  EXPECT_EQ(qemus(), "0");
  auto disk = guest.ask("disk 1", ask_limit);
  EXPECT_TRUE(disk) << why(disk);
  EXPECT_THAT(disk.value_or(""), HasSubstr("ata_piix"));
  auto net = guest.ask("net", ask_limit);
  EXPECT_TRUE(net) << why(net);
  EXPECT_THAT(net.value_or(""), HasSubstr("e1000 10.77.0."));
  // The image is locked as QEMU in dom0 would have it (disk/image_lock.hpp).
  const std::string locks = dom0("grep \":$(stat -c %i /lab/tiny.img) \" /proc/locks");
  EXPECT_THAT(locks, AllOf(HasSubstr(" 100 103"), HasSubstr(" 201 201"), HasSubstr(" 203 203")));
}

TEST_F(LifeCycle, ShowsItsScreenOverVncAndItsStubDomainsSizeInStatus) {
  GuestRun guest = start(quick());
  auto picture = take_screenshot(host(), "t-life", ::testing::TempDir() + "t-life.png",
                                 base::Deadline::after(seconds(60)));
  ASSERT_TRUE(picture) << why(picture);
  EXPECT_GE(picture->width, 640);
  EXPECT_GT(picture->lit, 0.0) << "the screen is black";
  EXPECT_LE(picture->colours, 16U) << "not a screen of text";

  // The viewer that xl starts is whichever is there.
  dom0("printf '#!/bin/sh\\necho \"$@\" >/run/lab-t-viewed\\n' >/usr/local/bin/vncviewer && "
       "chmod +x /usr/local/bin/vncviewer && xl vncviewer t-life");
  EXPECT_EQ(dom0("rm /usr/local/bin/vncviewer; cat /run/lab-t-viewed; rm /run/lab-t-viewed"),
            "127.0.0.1:" + dom0("echo $(($(xenstore-read /local/domain/$(xl domid t-life)/console/"
                                "vnc-port) - 5900))"));

  EXPECT_THAT(dom0("linstub status"), HasSubstr("t-life"));
  EXPECT_THAT(dom0("linstub status --json"), StartsWith("["));
  // What it says of its memory is less than it has got, and more than QEMU alone.
  EXPECT_TRUE(
      holds_within("linstub status --json | python3 -c 'import json, sys; "
                   "own = [g for g in json.load(sys.stdin) if g[\"guest\"] == \"t-life\"][0]; "
                   "of = own[\"memory-kib\"]; "
                   "sys.exit(not 20000 < of[\"total\"] <= own[\"memory\"] * 1024 or "
                   "not 0 < of[\"least-available\"] <= of[\"available\"])'",
                   seconds(60)))
      << dom0("linstub status --json");
  // With room for the guest's kernel; what it had for the viewer has gone back, but for its tables.
  const std::string own_memory = "xl list t-life-dm | awk 'NR == 2 { print $3 }'";
  EXPECT_TRUE(holds_within(base::format("[ $({}) -le 45 ]", own_memory), seconds(60)))
      << dom0(own_memory) << " MiB of the stub domain";
  const std::string memory = dom0(own_memory);
  // The broker, and its children: the device model process and the keeper.
  std::string pss = dom0("broker=$(xenstore-read /local/domain/$(xl domid t-life)/image/"
                         "device-model-pid); for pid in $broker $(pgrep -P $broker); do "
                         "cat /proc/$pid/smaps_rollup; done | "
                         "awk '/^Pss:/ { sum += $2 } END { print sum }'");
  EXPECT_LE(std::stoi(pss), 4 * 1024) << "KiB of linstub-dm";
  std::printf("stub domain: %s MiB; linstub-dm: %s KiB proportional set size\n", memory.c_str(),
              pss.c_str());
}

// Without VNC libxl asks nothing of QEMU before it lets the guest run.
TEST_F(LifeCycle, BootsDirectlyWithoutVncAndPowersOffAndLeavesNothing) {
  GuestConfig config = quick();
  config.extra.emplace_back("vnc = 0");
  GuestRun guest = start(config);
  auto answer = guest.ask("hello", ask_limit);
  EXPECT_TRUE(answer) << why(answer);
  ASSERT_TRUE(guest.tell("poweroff"));
  EXPECT_TRUE(gone_within("t-life", end_limit));
}

// xl cd-eject and cd-insert; the next stub domain has the medium too.
TEST_F(LifeCycle, ChangesTheMediumOfItsCdRomDrive) {
  dom0("for i in one two; do head -c 1M /dev/urandom >/run/lab-$i.iso; done");
  auto medium = [this](const std::string &name) {
    return "+ cd " + dom0("sha256sum </run/lab-" + name + ".iso | cut -d' ' -f1") + " 1048576";
  };
  GuestRun guest = start({.name = "t-cd",
                          .direct_boot = true,
                          .options = without_nic,
                          .extra = {"disk = [ \"format=raw,vdev=hdc,devtype=cdrom,access=ro,"
                                    "target=/run/lab-one.iso\" ]"}});
  EXPECT_EQ(guest.ask("cd", ask_limit).value_or(""), medium("one"));
  succeeds("xl cd-eject t-cd hdc", ask_limit);
  EXPECT_FALSE(guest.ask("cd", ask_limit));
  EXPECT_TRUE(holds_within("! losetup -a | grep -q lab-one", end_limit)) << dom0("losetup -a");
  succeeds("xl cd-insert t-cd hdc /run/lab-two.iso", ask_limit);
  EXPECT_EQ(guest.ask("cd", ask_limit).value_or(""), medium("two"));
  // One in the place of another, without an eject; then what is no medium.
  succeeds("xl cd-insert t-cd hdc /run/lab-one.iso", ask_limit);
  EXPECT_EQ(guest.ask("cd", ask_limit).value_or(""), medium("one"));
  fails("xl cd-insert t-cd hdd /run/lab-two.iso", ask_limit);
  EXPECT_TRUE(holds_within("! losetup -a | grep -q lab-two", end_limit)) << dom0("losetup -a");
  succeeds("linstub upgrade t-cd", upgrade_limit);
  EXPECT_EQ(guest.ask("cd", ask_limit).value_or(""), medium("one"));
  dom0("xl destroy t-cd; rm -f /run/lab-*.iso");
}

TEST_F(LifeCycle, Reboots) {
  GuestRun guest = start(quick());
  for (int i = 0; i < rounds(2, 5); i++) {
    SCOPED_TRACE("reboot " + std::to_string(i));
    ASSERT_NO_FATAL_FAILURE(reboot(guest, seconds(90), seconds(180)));
    EXPECT_EQ(qemus(), "0");
  }
}

// A round takes half a minute in the lab, so an ordinary run makes few. LINSTUB_ROUNDS=20 ./dev
// test lab makes the twenty that are promised, and five reboots.
TEST_F(LifeCycle, SurvivesRoundsOfCreateAndDestroyAndLeavesNothing) {
  for (int i = 0; i < rounds(2, 1000); i++) {
    auto guest = GuestRun::create(host(), quick(), seconds(120));
    ASSERT_TRUE(guest) << "round " << i << ": " << why(guest);
    dom0("xl destroy t-life");
  }
  EXPECT_THAT(left_within(end_limit), IsEmpty());
}

class SomethingDies : public LifeCycle, public ::testing::WithParamInterface<Death> {};

TEST_P(SomethingDies, CrashesTheGuestSoThatOnCrashDecides) {
  GuestConfig config = quick();
  config.extra = {"on_crash = \"preserve\""};
  GuestRun guest = start(config);
  // In dom0, so that ssh does not count. What kills may take longer than the guest to crash.
  std::string took = dom0(base::format("begin=$(date +%s%3N); ( {} ) >/dev/null 2>&1 & "
                                       "for i in $(seq 200); do "
                                       "xl list t-life | awk 'NR == 2 {{ print $5 }}' | grep -q c "
                                       "&& break; sleep 0.1; done; "
                                       "echo $(($(date +%s%3N) - begin)); wait",
                                       GetParam().command));
  std::printf("the guest crashed after %s ms\n", took.c_str());
  EXPECT_LE(std::stoi(took), crash_limit.count()) << dom0("xl list");
  dom0("xl destroy t-life");
}

INSTANTIATE_TEST_SUITE_P(
    All, SomethingDies,
    ::testing::Values(
        Death{"DeviceModel", "kill -9 $(xenstore-read "
                             "/local/domain/$(xl domid t-life)/image/device-model-pid)"},
        Death{"DeviceModelBySigterm", "kill $(xenstore-read "
                                      "/local/domain/$(xl domid t-life)/image/device-model-pid)"},
        Death{"ModelProcess", "pkill -9 -x linstub-model -P $(xenstore-read "
                              "/local/domain/$(xl domid t-life)/image/device-model-pid)"},
        Death{"StubDomain", "xl destroy t-life-dm"}),
    [](const auto &test) { return test.param.name; });

// xl reboot -a and xl shutdown -a ask stub domains too.
TEST_F(LifeCycle, AStubDomainDoesNotObeyARequestToRebootOrToShutDown) {
  GuestRun guest = start(quick());
  const std::string stub = dom0("xl domid t-life-dm");
  for (const char *request : {"reboot", "shutdown", "reboot"})
    succeeds(base::format("timeout 50 xl {} t-life-dm", request), seconds(60));
  EXPECT_TRUE(guest.ask("hello", ask_limit));
  EXPECT_EQ(dom0("xl domid t-life-dm"), stub);
}

TEST_F(LifeCycle, TripleFaultEndsTheGuestAndLeavesNothing) {
  GuestConfig config = quick();
  config.extra = {"on_reboot = \"destroy\""};
  GuestRun guest = start(config);
  // Else its kernel might have reset itself in another way.
  const std::string counted = "xl dmesg | grep -c 'Triple fault' || true";
  const std::string before = dom0(counted);
  ASSERT_TRUE(guest.tell("triple"));
  EXPECT_TRUE(gone_within("t-life", end_limit));
  EXPECT_NE(dom0(counted), before) << dom0("xl dmesg | tail -n 20");
}

} // namespace
} // namespace linstub::lab
