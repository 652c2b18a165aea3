// SPDX-License-Identifier: MIT
// What dom0's own tools and scripts do with all domains at once: stub domains do not puzzle them.
#include "scenario.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto ask_limit = seconds(180);
constexpr auto end_limit = seconds(120);
constexpr auto script_limit = seconds(600);

class HostTools : public Scenario {
protected:
  static GuestConfig quick(const std::string &name) {
    return {.name = name, .direct_boot = true, .options = without_nic};
  }
};

TEST_F(HostTools, ListShowAndSaveAsWithoutStubDomains) {
  ONLY_WHEN_THOROUGH();
  GuestRun guest = start(quick("t-tools"));
  EXPECT_THAT(dom0("xl list"), AllOf(HasSubstr("t-tools "), HasSubstr("t-tools-dm ")));
  // What scripts go by: guests alone, as with the stub domains that libxl makes itself.
  EXPECT_THAT(dom0("xl list -l"), AllOf(HasSubstr("\"t-tools\""), Not(HasSubstr("t-tools-dm"))));
  EXPECT_EQ(dom0("/usr/lib/xen-common/bin/xen-init-list | cut -d' ' -f2"), "t-tools");
  EXPECT_THAT(dom0("xentop -b -i 2 -d 1 | tail -n 3"),
              AllOf(HasSubstr("t-tools "), HasSubstr("t-tools-dm")));
  EXPECT_THAT(dom0("xl info"), HasSubstr("free_memory"));
  EXPECT_THAT(dom0("xl vcpu-list"), HasSubstr("t-tools-dm"));
  // It is not a guest that could be saved, and says so before anything has happened to it.
  for (const char *command : {"xl save t-tools-dm /var/tmp/t-tools.save",
                              "xl migrate -s '' t-tools-dm 'xl migrate-receive'"})
    fails(command, ask_limit);
  EXPECT_TRUE(guest.ask("hello", ask_limit));
  dom0("rm -f /var/tmp/t-tools.save; xl destroy t-tools");
}

// Debian's script, as dom0's shutdown and boot run it.
TEST_F(HostTools, XendomainsSavesAndRestoresGuestsAndLeavesStubDomainsOut) {
  ONLY_WHEN_THOROUGH();
  GuestRun guest = start(quick("t-tools"));
  dom0("rm -f /var/lib/xen/save/*");
  auto script = [this](const char *verb) {
    // From another place, because from its own it leaves all to systemd, where the lab has it
    // masked.
    const std::string said =
        succeeds(base::format("cp /etc/init.d/xendomains /run/lab-t-xendomains && "
                              "/run/lab-t-xendomains {}",
                              verb),
                 script_limit);
    EXPECT_THAT(said, HasSubstr("t-tools"));
    EXPECT_THAT(said, Not(HasSubstr("t-tools-dm")));
    EXPECT_THAT(said, Not(HasSubstr("failed")));
  };
  auto marked = guest.ask("sh echo here >/tmp/mark", ask_limit);
  ASSERT_TRUE(marked) << why(marked);
  script("stop");
  EXPECT_EQ(dom0("ls /var/lib/xen/save"), "t-tools");
  EXPECT_EQ(dom0("xl list | awk '$1 ~ /^t-/'"), "") << "nothing runs any more";
  script("start");
  ASSERT_TRUE(guest.follow());
  auto answer = guest.ask("sh grep -qx here /tmp/mark", ask_limit);
  EXPECT_EQ(answer.value_or(why(answer)), "+ sh 0") << "it is the guest that was saved";
  EXPECT_EQ(dom0("ls /var/lib/xen/save"), "");
  dom0("xl destroy t-tools; rmdir /var/lib/xen/save");
}

// As systemd-logind makes it: at its end all in it get SIGTERM and SIGHUP.
TEST_F(HostTools, AGuestOutlivesTheLoginThatItWasStartedFrom) {
  ONLY_WHEN_THOROUGH();
  GuestRun guest = start(quick("t-tools"));
  dom0("xl destroy t-tools");
  // Of the same configuration, which is there from before.
  succeeds("systemd-run -q --scope --slice=user.slice --unit=session-77 -p SendSIGHUP=yes "
           "xl create /run/lab-t-tools.cfg",
           ask_limit);
  const std::string of_session =
      "[ \"$(systemctl show -p ControlGroup --value session-77.scope)\" != '' ] && "
      "cat /sys/fs/cgroup/user.slice/session-77.scope/cgroup.procs | xargs -r ps -o comm= -p | "
      "grep -q linstub";
  EXPECT_TRUE(holds_within("! { " + of_session + "; }", end_limit));
  EXPECT_THAT(dom0("systemctl list-units --type=scope 'linstub-*' | cat"),
              HasSubstr("Device model of domain"));
  dom0("systemctl stop session-77.scope; sleep 2");
  ASSERT_TRUE(guest.follow());
  auto answer = guest.ask("hello", ask_limit);
  EXPECT_TRUE(answer) << why(answer);
  EXPECT_THAT(dom0("linstub status"), HasSubstr("serving"));
  dom0("xl destroy t-tools");
  EXPECT_TRUE(holds_within("! pgrep linstub-dm", end_limit));
  EXPECT_THAT(dom0("systemctl list-units --type=scope 'linstub-*' | cat"),
              Not(HasSubstr("Device model of domain")));
}

TEST_F(HostTools, RebootAllAndShutdownAllReachTheGuestsBehindTheirStubDomains) {
  ONLY_WHEN_THOROUGH();
  // Debian's kernel obeys requests to shut down and to reboot.
  GuestRun guest = start(pv_guest("t-tools"));
  const std::string before = dom0("xl domid t-tools");
  succeeds("xl reboot -a", ask_limit);
  ASSERT_NO_FATAL_FAILURE(come_back(guest, before, end_limit, seconds(400)));
  succeeds("xl shutdown -a -w", end_limit);
  EXPECT_TRUE(holds_within("! xl list | grep -q '^t-'", end_limit)) << dom0("xl list");
}

// Destroying the one or the other: the stub domain takes its guest with it.
TEST_F(HostTools, DestroyOfAStubDomainEndsItsGuestAndACreateCanFollowAtOnce) {
  ONLY_WHEN_THOROUGH();
  for (const char *victim : {"t-tools-dm", "t-tools"}) {
    auto guest = GuestRun::create(host(), quick("t-tools"), seconds(120));
    ASSERT_TRUE(guest) << why(guest);
    succeeds(base::format("xl destroy {}", victim), ask_limit);
    EXPECT_TRUE(holds_within("! xl domid t-tools >/dev/null 2>&1", end_limit)) << victim;
  }
  auto guest = GuestRun::create(host(), quick("t-tools"), seconds(120));
  ASSERT_TRUE(guest) << why(guest);
  dom0("xl destroy t-tools");
}

// dom0's memory is the administrator's, unless xl may take of it.
TEST_F(HostTools, NoMemoryOfDom0IsTakenWhereAutoballoonIsOff) {
  ONLY_WHEN_THOROUGH();
  constexpr const char *dom0_memory = "xl list 0 | awk 'NR == 2 { print $3 }'";
  dom0("cp /etc/xen/xl.conf /run/lab-t-xl.conf");
  auto set = [this](const char *value) {
    dom0(base::format("{{ cat /run/lab-t-xl.conf; echo 'autoballoon=\"{}\"'; }} >/etc/xen/xl.conf",
                      value));
  };
  const std::string memory = dom0(dom0_memory);
  // It has all that is free, but what the guest itself takes: nothing is left for the stub domain.
  // 128 MiB, and some for Xen's tables.
  const int left = 160;
  const int filling = std::stoi(dom0("xl info free_memory")) - left;
  ASSERT_GT(filling, 64);
  auto filler = host().run(
      base::format("cat >/run/lab-t-filler.cfg <<'end'\ntype = \"pv\"\nname = \"t-filler\"\n"
                   "memory = {}\nkernel = \"/usr/lib/linstub/image/kernel\"\nend\n"
                   "xl create -p /run/lab-t-filler.cfg 2>&1",
                   filling),
      ask_limit);
  ASSERT_TRUE(filler && filler->status.success()) << (filler ? filler->out : why(filler));
  set("off");
  auto refused = GuestRun::create(host(), quick("t-tools"), ask_limit);
  EXPECT_THAT(why(refused), HasSubstr("none is taken from dom0 (autoballoon"));
  EXPECT_EQ(dom0(dom0_memory), memory);
  dom0("xl destroy t-tools 2>/dev/null || true");
  set("on");
  auto guest = GuestRun::create(host(), quick("t-tools"), ask_limit);
  EXPECT_TRUE(guest) << why(guest);
  EXPECT_NE(dom0(dom0_memory), memory);
  dom0("xl destroy t-tools; xl destroy t-filler; cp /run/lab-t-xl.conf /etc/xen/xl.conf");
  dom0(base::format("xl mem-set 0 {}", memory));
  EXPECT_TRUE(holds_within(base::format("[ \"$({})\" = {} ]", dom0_memory, memory), end_limit));
  // libxl notes the new size of any domain below /vm and its UUID, also of dom0.
  dom0("xenstore-rm /vm/00000000-0000-0000-0000-000000000000");
}

} // namespace
} // namespace linstub::lab
