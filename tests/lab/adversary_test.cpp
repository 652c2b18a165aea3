// SPDX-License-Identifier: MIT
// What a stub domain tries that was taken over, and what it does not get: dom0's time, memory, disk
// and log stay within their bounds, and it can be ended at any time.
#include "hostile.hpp"
#include "pci_scenario.hpp"

#include <thread>

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr auto playing_time = seconds(15);
constexpr auto caught_limit = seconds(60);
constexpr auto act_limit = seconds(150);
constexpr double most_slower = 5; // that another guest may be beside it

// How a trick ends.
enum class End : uint8_t {
  by_destroy, // the guest is served, as far as its stub domain serves it, until xl destroy
  caught,     // linstub-dm sees it, and the guest crashes
  either,     // one of both: it depends on who is faster
};

struct Trick {
  const char *name; // of tests/adversary/tricks.cpp
  End end;
  const char *says = ""; // part of what is in the log, or what the adversary tells
  const char *act = "";  // a command in dom0 meanwhile, which has to fail
};

void PrintTo(const Trick &trick, std::ostream *out) { *out << trick.name; }

std::string test_name(const std::string &trick) {
  std::string name;
  bool capital = true;
  for (char c : trick) {
    if (c != '-')
      name += capital ? static_cast<char>(std::toupper(c)) : c;
    capital = c == '-';
  }
  return name;
}

// What is given up, in dom0 and elsewhere, while a trick is played on.
void play(HostileGuest &bad, Scenario &scenario, const Trick &trick) {
  const Figures before = bad.figures();
  bad.go();
  if (*trick.act != '\0')
    scenario.fails(trick.act, act_limit);
  else if (trick.end != End::caught)
    std::this_thread::sleep_for(playing_time);
  if (trick.end == End::caught) {
    EXPECT_TRUE(bad.gone_within(caught_limit)) << "the guest has not crashed";
  }
  const std::string told = trick.end == End::caught ? "" : bad.told();
  std::printf("%s: it says \"%s\"\n", trick.name, told.c_str());
  if (trick.end == End::by_destroy) {
    EXPECT_NE(told, "") << "it has not begun";
  }
  HostileGuest::expect_bounded(before, bad.figures());
  if (trick.end == End::by_destroy) {
    EXPECT_THAT(scenario.dom0("linstub status"), HasSubstr("serving"));
  }
  if (bad.there())
    bad.destroy_in_time();
  EXPECT_THAT(bad.log() + told, HasSubstr(trick.says));
  EXPECT_LE(bad.figures().log, most_log);
}

// The number in its answer, behind the word.
double number_in(GuestRun &guest, const std::string &command) {
  auto answer = guest.ask(command, act_limit);
  EXPECT_TRUE(answer) << why(answer);
  const std::string text = answer.value_or("");
  const size_t digits = text.find_first_of("0123456789");
  return digits == std::string::npos ? 0 : std::atof(text.c_str() + digits);
}

class Hostile : public Scenario {
protected:
  void create(const std::string &trick, const std::vector<std::string> &extra = {}) {
    auto created = bad.create(trick, extra);
    ASSERT_TRUE(created) << why(created);
  }
  void create_and_play(const Trick &trick) {
    ASSERT_NO_FATAL_FAILURE(create(trick.name));
    play(bad, *this, trick);
  }

  HostileGuest bad{*this};
};

// The ring is full at all times of what is all right.
TEST_F(Hostile, FloodsTheChannel) { create_and_play({.name = "flood", .end = End::by_destroy}); }

// One viewer takes all that comes, another nothing.
TEST_F(Hostile, FloodsItsViewers) {
  ONLY_WHEN_THOROUGH();
  ASSERT_NO_FATAL_FAILURE(create(
      "vnc-flood", {"vnc = 1", "vnclisten = \"127.0.0.1\"", "vncdisplay = 77", "vncunused = 0"}));
  dom0("for to in OPEN:/dev/null EXEC:'sleep 300'; do "
       "(setsid timeout 300 socat TCP:127.0.0.1:5977 \"$to\" >/dev/null 2>&1 &); done; sleep 2");
  play(bad, *this, {.name = "vnc-flood", .end = End::by_destroy});
  dom0("pkill -x socat || true"); // the one that takes nothing does not see the end
  EXPECT_TRUE(holds_within("! socat -u OPEN:/dev/null TCP:127.0.0.1:5977", seconds(20)));
}

// What one stub domain does costs another guest its fair share of the CPU and no more. In the lab
// that is one CPU for the flood, dom0 and everybody else.
TEST_F(Hostile, LeavesOtherGuestsTheirShare) {
  ONLY_WHEN_THOROUGH();
  GuestRun good =
      start({.name = "t-good", .disk = "", .direct_boot = true, .extra = {"vif = [ ]", "vnc = 0"}});
  ASSERT_NO_FATAL_FAILURE(create("flood"));
  auto exits = [&] { return number_in(good, "measure port 2000"); };
  auto work = [&] {
    return number_in(good, "sh t() { cut -d' ' -f1 /proc/uptime | tr -d .; }; a=$(t); "
                           "yes | head -c 6000000 | sha256sum >/tmp/x; echo + work $(($(t)-a))");
  };
  const double exits_before = exits();
  const double work_before = work();
  bad.go();
  std::this_thread::sleep_for(seconds(2));
  const double exits_ratio = exits() / exits_before;
  const double work_ratio = work() / work_before;
  std::printf("beside a flood another guest's exits take %.2f times as long, its work %.2f times\n",
              exits_ratio, work_ratio);
  EXPECT_LT(exits_ratio, most_slower);
  EXPECT_LT(work_ratio, most_slower);
  bad.destroy_in_time();
  EXPECT_TRUE(good.ask("hello", seconds(60)));
}

// What its viewers would need it may have, and has whenever it likes; Xen gives it no more.
TEST_F(Hostile, TakesTheMemoryOfViewersAndNoMore) {
  ONLY_WHEN_THOROUGH();
  constexpr int of_viewers = 7 * 16; // MiB: with three of a screen of 16 (wire/memory.hpp)
  constexpr int slack = 2;
  ASSERT_NO_FATAL_FAILURE(create("memory", {"vnc = 1"}));
  const std::string memory = "xl list t-bad-dm | awk 'NR == 2 { print $3 }'";
  const int before = std::stoi(dom0(memory));
  bad.go();
  const int most = std::stoi(dom0(
      base::format("for i in $(seq 40); do {}; sleep 0.5; done | sort -n | tail -n 1", memory)));
  std::printf("it had %d MiB, and took %d\n", before, most);
  EXPECT_LE(most, before + of_viewers + slack);
  EXPECT_GE(most, before + of_viewers / 2) << "it takes less than it could";
  EXPECT_THAT(dom0("linstub status"), HasSubstr("serving"));
  bad.destroy_in_time();
}

class HostileTrick : public Hostile, public ::testing::WithParamInterface<Trick> {};

TEST_P(HostileTrick, GetsNothing) {
  ONLY_WHEN_THOROUGH();
  create_and_play(GetParam());
}

constexpr const char *save =
    "xl save -c t-bad /var/tmp/t-bad.save; s=$?; rm -f /var/tmp/t-bad.save; "
    "exit $s";

INSTANTIATE_TEST_SUITE_P(
    All, HostileTrick,
    ::testing::Values(
        // The channel.
        Trick{"log-flood", End::by_destroy}, Trick{"small-frames", End::by_destroy},
        Trick{"blanks", End::by_destroy}, Trick{"serial-flood", End::by_destroy},
        Trick{"credit-drip", End::caught, "a credit of 16 bytes too many"},
        Trick{"credit-exceeded", End::caught, "are allowed"},
        Trick{"credit-withheld", End::by_destroy}, Trick{"silence", End::by_destroy},
        Trick{"garbage", End::caught, "channel to the stub domain is broken"},
        Trick{"ring-lies", End::either}, Trick{"kicks", End::by_destroy},
        // QMP.
        Trick{"wrong-ids", End::caught, "a reply to nothing that was asked"},
        Trick{"event-flood", End::by_destroy}, Trick{"deletion-flood", End::by_destroy},
        Trick{"endless-message", End::caught, "QEMU's monitor"},
        Trick{"late-answers", End::by_destroy, "", save},
        // A save.
        Trick{"endless-state", End::by_destroy, "", save},
        Trick{"whole-disk", End::by_destroy, "", save}, Trick{"empty-state", End::either, "", save},
        // Xenstore.
        Trick{"store-full", End::by_destroy}, Trick{"word-storm", End::by_destroy},
        Trick{"watch-flood", End::by_destroy},
        Trick{"others-nodes", End::by_destroy, "allowed: none"},
        // Devices, console, memory, and the domain itself.
        Trick{"frontend-states", End::either}, Trick{"frontends-deleted", End::either},
        Trick{"console-flood", End::by_destroy}, Trick{"memory", End::by_destroy},
        Trick{"suspend", End::caught, "the stub domain has ended"},
        // Hypercalls.
        Trick{"event-storm", End::by_destroy},
        Trick{"hypercalls", End::by_destroy, "allowed: none; Xen's version: told"},
        Trick{"hypercalls-of-qemu", End::by_destroy,
              "allowed: none; of its guest: allowed; its own: 0 of 3 done"},
        Trick{"hypercalls-of-a-spares-qemu", End::by_destroy,
              "allowed: none; of its guest: allowed; its own: 0 of 3 done"},
        Trick{"calls", End::by_destroy, "calls: 0 of 9 lies done, 7 refused"}),
    [](const auto &test) { return test_name(test.param.name); });

// One that does not come up: `xl create` fails in time, and says why.
struct Silence {
  const char *name;
  const char *says;
};
void PrintTo(const Silence &silence, std::ostream *out) { *out << silence.name; }

class HostileStart : public Hostile, public ::testing::WithParamInterface<Silence> {};

TEST_P(HostileStart, FailsInTime) {
  ONLY_WHEN_THOROUGH();
  const auto begin = base::Clock::now();
  auto created = bad.create(GetParam().name);
  const auto took = base::Clock::now() - begin;
  ASSERT_FALSE(created) << "xl create has succeeded";
  EXPECT_THAT(created.error().message(), HasSubstr(GetParam().says));
  EXPECT_LT(took, seconds(150));
}

INSTANTIATE_TEST_SUITE_P(All, HostileStart,
                         ::testing::Values(Silence{"nothing-at-all", "was not ready within"},
                                           Silence{"no-hello", "was not ready within"},
                                           Silence{"no-accept", "was not ready within"},
                                           Silence{"no-greeting", "was not ready within"},
                                           Silence{"no-answer", "was not ready within"},
                                           Silence{"no-credit", "was not ready within"}),
                         [](const auto &test) { return test_name(test.param.name); });

// With a device of the host: what its QEMU and its pcifront say is not believed.
class HostilePci : public PciScenario {
protected:
  void create(const std::string &trick) {
    assignable({first_nic});
    auto created = bad.create(trick, {"passthrough = \"enabled\""});
    ASSERT_TRUE(created) << why(created);
    stub_ = dom0("xl domid t-bad-dm");
    before_ = bad.figures();
    bad.go();
  }

  // What xl does, whether or not it succeeds: an end it has to come to.
  bool xl(const std::string &command) {
    auto ran = host().run(base::format("xl {} t-bad {} 2>&1", command, first_nic), act_limit);
    EXPECT_TRUE(ran) << command << " comes to no end: " << why(ran);
    const bool done = ran && ran->status.success();
    std::printf("xl %s %s: %s\n", command.c_str(), done ? "succeeds" : "fails",
                ran ? ran->out.c_str() : "");
    return done;
  }

  void expect_free() {
    HostileGuest::expect_bounded(before_, bad.figures());
    if (bad.there())
      bad.destroy_in_time();
    expect_no_permissions(stub_);
    expect_whole(first_nic);
    EXPECT_THAT(owner(first_nic), ::testing::StartsWith("DomIO"));
  }

  HostileGuest bad{*this};

private:
  std::string stub_;
  Figures before_;
};

TEST_F(HostilePci, AStubDomainThatPretendsToHaveItGetsNoOther) {
  ONLY_WHEN_THOROUGH();
  ASSERT_NO_FATAL_FAILURE(create("pci-pretends"));
  for (int round = 0; round < 3; round++) {
    if (xl("pci-attach"))
      xl("pci-detach");
    EXPECT_THAT(owner(second_nic), "d0");
  }
  expect_free();
}

TEST_F(HostilePci, AStubDomainThatKeepsItIsSaidToHaveIt) {
  ONLY_WHEN_THOROUGH();
  ASSERT_NO_FATAL_FAILURE(create("pci-keeps"));
  ASSERT_TRUE(xl("pci-attach"));
  EXPECT_THAT(bad.told(), HasSubstr("keeps"));
  if (xl("pci-detach"))
    expect_whole(first_nic);
  else
    EXPECT_THAT(dom0("linstub pci"), HasSubstr(first_nic));
  expect_free();
}

} // namespace
} // namespace linstub::lab
