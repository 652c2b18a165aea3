// SPDX-License-Identifier: MIT
// Save, restore, checkpoint, migration and upgrade of a guest at work, and what can go wrong.
#include "bench/state.hpp"
#include "busy_guest.hpp"

#include <cstdlib>
#include <functional>

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr auto save_limit = seconds(120);
constexpr auto restore_limit = seconds(180);
constexpr auto upgrade_limit = seconds(200);

// LINSTUB_ROUNDS=10 ./dev test lab makes the ten that are promised.
constexpr int usual_rounds = 1;
constexpr int promised_rounds = 10;

// Shell: a state disk is plugged, or about to be.
constexpr const char *state_disk_there = "losetup -a | grep -q linstub-state-";
// Shell: the paths of the files behind state disks, which lie in no directory.
constexpr const char *state_file =
    "find /proc/[0-9]*/fd -lname '/memfd:linstub-state-*' 2>/dev/null";

// All of them take most of an hour in the lab; an ordinary run makes the first one.
class StateOf : public Scenario {
protected:
  void save(const std::string &options = "") {
    succeeds("rm -f /var/tmp/t.save; xl save " + options + " t-state /var/tmp/t.save", save_limit);
  }
  void restore(BusyGuest &guest, const std::string &options = "") {
    succeeds("xl restore " + options + " /var/tmp/t.save", restore_limit);
    guest.found_again();
  }

  // Pings the guest from dom0, until end_pings().
  void begin_pings(const BusyGuest &guest, const std::string &options) {
    dom0(base::format("(setsid ping {} {} >/run/lab-ping 2>&1 </dev/null & echo $! "
                      ">/run/lab-ping.pid)",
                      options, guest.address()));
  }
  // What a command of dom0 makes of ping's output, the file /run/lab-ping.
  std::string end_pings(const std::string &command) {
    return dom0("kill -INT $(cat /run/lab-ping.pid); sleep 1; " + command + "; rm /run/lab-ping*");
  }

  // The longest time, in seconds, for which the guest answers no ping while that is done.
  double silence_while(const BusyGuest &guest, const std::function<void()> &work) {
    begin_pings(guest, "-D -i 0.1");
    work();
    EXPECT_TRUE(holds_within("ping -c 3 -i 0.2 -W 2 " + guest.address(), seconds(60)));
    return std::strtod(
        end_pings("awk -F'[][]' '/bytes from/ { if (last && $2 - last > most) most = $2 - last; "
                  "last = $2 } END { print most }' /run/lab-ping")
            .c_str(),
        nullptr);
  }

  void TearDown() override {
    host().run("rm -f /var/tmp/t.save /var/tmp/t.cfg", seconds(30)).value_or(base::Output{});
    Scenario::TearDown();
  }

  // State disks, their loop devices, their files: nothing of it stays while a guest runs.
  void expect_no_state_disk() {
    EXPECT_TRUE(holds_within(
        "! " + std::string(state_disk_there) + " && ! " + state_file + " | grep -q .", seconds(30)))
        << dom0("losetup -a; " + std::string(state_file));
  }
};

TEST_F(StateOf, AGuestAtWorkComesThroughRoundsOfSaveAndRestore) {
  BusyGuest guest(*this, "t-state", DeviceModel::linstub);
  for (int i = 0; i < rounds(usual_rounds, promised_rounds); i++) {
    save();
    restore(guest);
    guest.expect_all_well("round " + std::to_string(i));
  }
  expect_no_state_disk();
}

TEST_F(StateOf, ACheckpointLetsTheGuestRunOn) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, "t-state", DeviceModel::linstub);
  save("-c");
  guest.expect_all_well("after the checkpoint");
  expect_no_state_disk();
  // And the file is a guest: as it was then.
  dom0("xl destroy t-state");
  restore(guest);
  guest.expect_alive();
}

TEST_F(StateOf, AMigrationToThisHostKeepsTheGuestAtWork) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, "t-state", DeviceModel::linstub);
  dom0("rm -f /run/lab-key* && ssh-keygen -q -t ed25519 -N '' -C lab-migration -f /run/lab-key && "
       "cat /run/lab-key.pub >> /root/.ssh/authorized_keys");
  succeeds("xl migrate -s 'ssh -i /run/lab-key -o BatchMode=yes -o StrictHostKeyChecking=no -o "
           "UserKnownHostsFile=/dev/null -o LogLevel=ERROR' t-state 127.0.0.1",
           seconds(400));
  dom0("sed -i /lab-migration/d /root/.ssh/authorized_keys; rm -f /run/lab-key*");
  guest.found_again();
  guest.expect_all_well("after the migration");
  EXPECT_THAT(dom0("xl list | awk '{ print $1 }'"), HasSubstr("t-state-dm"));
  EXPECT_THAT(dom0("linstub status"), Not(HasSubstr("t-state--")));
}

TEST_F(StateOf, IsTheSameUnderQemuInDom0) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, "t-state", DeviceModel::dom0);
  save();
  dom0(guest.config_of(DeviceModel::linstub));
  succeeds("xl restore /var/tmp/t.cfg /var/tmp/t.save", restore_limit);
  guest.found_again();
  guest.expect_all_well("saved in dom0, restored in a stub domain");
  EXPECT_EQ(qemus(), "0");
  // By default no QEMU in dom0 reads what a QEMU in a stub domain has written.
  save();
  dom0(guest.config_of(DeviceModel::dom0));
  fails("xl restore /var/tmp/t.cfg /var/tmp/t.save", restore_limit);
  EXPECT_THAT(dom0("tail -n 20 /var/log/xen/qemu-dm-t-state.log"),
              HasSubstr("Not a migration stream"));
  EXPECT_THAT(left_within(seconds(60)), IsEmpty());
  // With the setting it does.
  dom0(guest.config_of(DeviceModel::linstub,
                       {"device_model_args_hvm = [ \"-linstub\", \"portable-state=yes\" ]"}));
  succeeds("xl restore /var/tmp/t.cfg /var/tmp/t.save", restore_limit);
  guest.found_again();
  save();
  dom0(guest.config_of(DeviceModel::dom0));
  succeeds("xl restore /var/tmp/t.cfg /var/tmp/t.save", restore_limit);
  guest.found_again();
  guest.expect_all_well("and the other way round");
  EXPECT_THAT(dom0("xl list"), Not(HasSubstr("t-state-dm")));
}

TEST_F(StateOf, AnUpgradeReplacesTheStubDomainUnderTheGuest) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, "t-state", DeviceModel::linstub);
  std::string domid = dom0("xl domid t-state");
  std::string stub = dom0("xl domid t-state-dm");
  EXPECT_THAT(dom0("linstub status"), Not(HasSubstr("outdated")));
  for (const char *part : {"ramdisk", "kernel"}) {
    SCOPED_TRACE(part);
    EXPECT_THAT(
        dom0(base::format("cd /usr/lib/linstub/image && cp manifest.json /run/lab-manifest && "
                          "python3 -c 'import json; m = json.load(open(\"manifest.json\")); "
                          "m[\"{}\"][\"sha256\"] = 64 * \"0\"; "
                          "json.dump(m, open(\"manifest.json\", \"w\"))' && "
                          "linstub status; cp /run/lab-manifest manifest.json",
                          part)),
        HasSubstr("outdated"));
  }
  begin_pings(guest, "-i 0.5");
  for (int i = 0; i < rounds(usual_rounds, promised_rounds); i++) {
    std::string said = succeeds("linstub upgrade t-state", upgrade_limit);
    EXPECT_THAT(said, HasSubstr("it was held for"));
    std::printf("%s", said.c_str());
    guest.expect_all_well("upgrade " + std::to_string(i));
    EXPECT_EQ(dom0("xl domid t-state"), domid);
    std::string next = dom0("xl domid t-state-dm");
    EXPECT_NE(next, stub);
    stub = next;
  }
  // Pings that nobody could answer meanwhile are lost, as on any network; none comes twice, and
  // they go on.
  std::string pings = end_pings("tail -n 3 /run/lab-ping");
  std::printf("%s\n", pings.c_str());
  EXPECT_THAT(pings, AllOf(HasSubstr(" received"), Not(HasSubstr("duplicates"))));
  EXPECT_THAT(dom0("ping -c 4 -W 5 " + guest.address()), HasSubstr("4 received"));
  expect_no_state_disk();
  EXPECT_EQ(dom0("xl list | grep -c null || true"), "0") << "a former stub domain is still held";
}

// Other domains, both of them, and no state.
TEST_F(StateOf, AResetMakesTheGuestAndItsStubDomainAnew) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, "t-state", DeviceModel::linstub);
  const std::string domid = dom0("xl domid t-state");
  const std::string stub = dom0("xl domid t-state-dm");
  EXPECT_THAT(succeeds("linstub upgrade --reset t-state", upgrade_limit),
              HasSubstr("has shut down for a reboot, and its stub domain is removed"));
  EXPECT_TRUE(holds_within(
      base::format("d=$(xl domid t-state 2>/dev/null) && [ -n \"$d\" ] && [ $d != {} ] && "
                   "[ \"$(xenstore-read /local/domain/0/device-model/$d/state)\" = running ]",
                   domid),
      seconds(180)));
  EXPECT_NE(dom0("xl domid t-state-dm"), stub);
  expect_no_state_disk();
}

// A stub domain that is held leaves the guest's requests unanswered, for which Xen would wait.
TEST_F(StateOf, AResetNeedsNothingOfTheStubDomain) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, "t-state", DeviceModel::linstub);
  dom0("xl pause t-state-dm; sleep 2");
  EXPECT_THAT(succeeds("linstub upgrade --reset t-state", upgrade_limit),
              AllOf(HasSubstr("was crashed"), HasSubstr("on_crash")));
  EXPECT_THAT(left_within(seconds(60)), IsEmpty());
}

// --- faults --------------------------------------------------------------------------------------

TEST_F(StateOf, AnUpgradeToABrokenImageGoesBack) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, "t-state", DeviceModel::linstub);
  // A sound manifest over a ramdisk that no kernel can unpack.
  dom0("rm -rf /run/lab-image && cp -r /usr/lib/linstub/image /run/lab-image && "
       "dd if=/dev/urandom of=/run/lab-image/init bs=4096 seek=64 count=64 conv=notrunc 2>&1");
  std::string said = fails("linstub upgrade t-state --image /run/lab-image", upgrade_limit);
  EXPECT_THAT(said, HasSubstr("it runs on, with the image that it had"));
  guest.expect_all_well("after the fallback");
  EXPECT_TRUE(holds_within("! xl domid t-state-dm-next >/dev/null 2>&1", seconds(60)));
  EXPECT_THAT(fails("linstub upgrade t-state --image /nowhere", seconds(60)),
              HasSubstr("there is no stub domain image in /nowhere"));
  guest.expect_alive();
  dom0("rm -rf /run/lab-image");
  expect_no_state_disk();
}

TEST_F(StateOf, ANewStubDomainThatIsKilledDuringAnUpgradeIsReplaced) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, "t-state", DeviceModel::linstub);
  as_soon_as("new=$(xl domid t-state-dm-next) && [ -n \"$new\" ] && "
             "xenstore-exists /local/domain/$new/data/linstub/state",
             "xl destroy $new");
  EXPECT_THAT(fails("linstub upgrade t-state", upgrade_limit), HasSubstr("it runs on"));
  guest.expect_all_well("after the fallback");
}

TEST_F(StateOf, ADamagedStateIsRefusedBeforeQemuSeesIt) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, "t-state", DeviceModel::linstub);
  save();
  struct Damage {
    const char *command; // f is the state disk's file
    const char *says;
  };
  const Damage all[] = {
      {"printf X | dd of=$f bs=1 seek=5000 conv=notrunc", "damaged"},
      {"dd if=/dev/zero of=$f bs=512 count=1 conv=notrunc", "no complete state"},
      {"printf '\\002' | dd of=$f bs=1 seek=8 conv=notrunc", "format 2"},
      {"printf '\\377' | dd of=$f bs=1 seek=23 conv=notrunc", "at most"},
      {"printf '\\0\\0\\0\\0\\0\\0\\0\\0' | dd of=$f bs=1 seek=16 conv=notrunc", "empty"},
  };
  for (const Damage &damage : all) {
    // After linstub-dm has written the file, before linstub-init reads it.
    as_soon_as(
        base::format("f=$({} | head -n 1) && [ -n \"$f\" ] && {}", state_file, state_disk_there),
        damage.command);
    std::string said = fails("xl restore /var/tmp/t.save", restore_limit);
    EXPECT_THAT(said, HasSubstr(damage.says));
    EXPECT_THAT(left_within(seconds(60)), IsEmpty());
  }
  restore(guest);
  guest.expect_alive();
}

TEST_F(StateOf, ASavedFileThatIsNotWholeIsRefused) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, "t-state", DeviceModel::linstub);
  save();
  // In the memory: what is missing of the last record libxl takes for zeros, whatever the device
  // model is.
  dom0("head -c $(($(stat -c %s /var/tmp/t.save) / 2)) /var/tmp/t.save > /var/tmp/t.half");
  fails("xl restore /var/tmp/t.half", restore_limit);
  dom0("rm /var/tmp/t.half");
  EXPECT_THAT(left_within(seconds(60)), IsEmpty());
  restore(guest);
  guest.expect_alive();
}

TEST_F(StateOf, AFullDiskOfDom0LetsTheGuestRunOn) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, "t-state", DeviceModel::linstub);
  // Where libxl has the device model's state written.
  dom0("mkdir -p /run/full && mount -t tmpfs -o size=4k tmpfs /run/full && "
       "mount --bind /run/full /var/lib/xen");
  fails("xl save t-state /var/tmp/t.save", save_limit);
  dom0("umount /var/lib/xen && umount /run/full && rmdir /run/full");
  guest.expect_all_well("after the save that failed");
  expect_no_state_disk();
}

// Holds the domain of that number for 12 s, as soon as libxl has opened the file for the state.
constexpr const char *hold_during_save = R"py(
import ctypes, glob, sys, time
xc = ctypes.CDLL("libxenctrl.so.4.20")
xc.xc_interface_open.restype = ctypes.c_void_p
xen, domid = ctypes.c_void_p(xc.xc_interface_open(None, None, 0)), ctypes.c_uint32(int(sys.argv[1]))
end = time.monotonic() + 60
while not glob.glob("/var/lib/xen/qemu-save.*") and time.monotonic() < end:
    time.sleep(0.002)
xc.xc_domain_pause(xen, domid)
time.sleep(12)
xc.xc_domain_unpause(xen, domid)
)py";

TEST_F(StateOf, AStubDomainThatNeverFinishesLetsTheGuestRunOn) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, "t-state", DeviceModel::linstub);
  // xl would take longer to start than the save takes.
  auto told = host().run("cat > /run/lab-hold.py", seconds(30), hold_during_save);
  ASSERT_TRUE(told) << why(told);
  dom0("(setsid python3 /run/lab-hold.py $(xl domid t-state-dm) >/dev/null 2>&1 </dev/null &)");
  fails("xl save t-state /var/tmp/t.save", save_limit);
  dom0("rm /run/lab-hold.py");
  guest.expect_all_well("after the save that failed");
  expect_no_state_disk();
}

class WhileSaving : public StateOf, public ::testing::WithParamInterface<Death> {};

TEST_F(StateOf, AStubDomainThatIsKilledDuringARestoreLeavesTheFileWhole) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, "t-state", DeviceModel::linstub);
  save();
  as_soon_as(std::string(state_disk_there) + " && xl domid t-state-dm", "xl destroy t-state-dm");
  fails("xl restore /var/tmp/t.save", restore_limit);
  EXPECT_THAT(left_within(seconds(60)), IsEmpty());
  restore(guest);
  guest.expect_alive();
}

TEST_F(StateOf, AnOldStubDomainThatIsKilledDuringAnUpgradeCrashesTheGuest) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, "t-state", DeviceModel::linstub);
  as_soon_as(state_disk_there, "xl destroy t-state-dm");
  EXPECT_THAT(fails("linstub upgrade t-state", upgrade_limit),
              HasSubstr("it has crashed, since it has no device model any more"));
  EXPECT_THAT(left_within(seconds(90)), IsEmpty());
}

// A guest that has lost its device model cannot run on; that is said, and nothing stays.
TEST_P(WhileSaving, ADeathCrashesTheGuestAndLeavesNothing) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, "t-state", DeviceModel::linstub);
  as_soon_as(state_disk_there, GetParam().command);
  fails("xl save t-state /var/tmp/t.save", save_limit);
  host().run("xl destroy t-state", seconds(60)).value_or(base::Output{});
  EXPECT_THAT(left_within(seconds(90)), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(All, WhileSaving,
                         ::testing::Values(Death{"StubDomain", "xl destroy t-state-dm"},
                                           Death{"DeviceModel",
                                                 "kill -9 $(xenstore-read /local/domain/$(xl domid "
                                                 "t-state)/image/device-model-pid)"}),
                         [](const auto &test) { return test.param.name; });

// What libxl does in the device model's part of a save, and how long it takes: the least of three,
// in ms, with the state's size. libxl's first command, that QEMU shall log the pages it dirties,
// comes a while before.
constexpr const char *save_part = R"py(
least, size = None, 0
for i in range(3):
    target = os.open("/var/tmp/t.state", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    ask("xen-set-global-dirty-log", enable=True)
    time.sleep(4)
    begin = time.monotonic()
    number = ask("add-fd", [target])["fdset-id"]
    ask("stop")
    ask("xen-save-devices-state", filename="/dev/fdset/%d" % number, live=False)
    took = 1e3 * (time.monotonic() - begin)
    least = min(took, least or took)
    size = os.fstat(target).st_size
    ask("cont")
    ask("xen-set-global-dirty-log", enable=False)
    ask("remove-fd", **{"fdset-id": number})
    os.close(target)
    time.sleep(4)
os.unlink("/var/tmp/t.state")
print("%.0f ms for %d bytes" % (least, size))
)py";

// Under QEMU in dom0 its QEMU can be replaced by a save and a restore only.
TEST_F(StateOf, CostsBesideQemuInDom0) {
  ONLY_WHEN_THOROUGH();
  std::vector<double> part;
  std::vector<double> silence;
  for (DeviceModel device_model : {DeviceModel::linstub, DeviceModel::dom0}) {
    BusyGuest guest(*this, "t-state", device_model);
    const double checkpoint = silence_while(guest, [&] { save("-c"); });
    // Paused, so that the guest's own work does not count.
    auto said = host().run("xl pause t-state; python3 - $(xl domid t-state) 2>&1", seconds(120),
                           bench::monitor_script(30, save_part));
    ASSERT_TRUE(said) << why(said);
    ASSERT_TRUE(said->status.success()) << said->out;
    part.push_back(std::strtod(said->out.c_str(), nullptr));
    dom0("xl unpause t-state");
    const double replaced = silence_while(guest, [&] {
      if (device_model == DeviceModel::linstub) {
        succeeds("linstub upgrade t-state", upgrade_limit);
      } else {
        save();
        restore(guest);
      }
    });
    silence.push_back(replaced);
    std::printf("%s: the guest is silent for %.1f s during xl save -c, for %.1f s while its device "
                "model is replaced (%s); the device model's part of a save: %s",
                device_model_name(device_model), checkpoint, replaced,
                device_model == DeviceModel::linstub ? "linstub upgrade" : "save and restore",
                said->out.c_str());
    dom0("xl destroy t-state");
    EXPECT_THAT(left_within(seconds(60)), IsEmpty());
  }
  std::printf("the device model's part is %.2f times that of QEMU in dom0\n", part[0] / part[1]);
  EXPECT_LT(part[0], 1.2 * part[1]);
  std::printf("the silence of an upgrade is %.2f times that of a save and restore\n",
              silence[0] / silence[1]);
  EXPECT_LT(silence[0], silence[1] / 10);
}

} // namespace
} // namespace linstub::lab
