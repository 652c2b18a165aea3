// SPDX-License-Identifier: MIT
// What a stub domain tries that was taken over, and what it does not get: dom0's time, memory, disk
// and log stay within their bounds, and it can be ended at any time.
#include "hostile.hpp"

#include <thread>

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr auto playing_time = seconds(15);
constexpr auto caught_limit = seconds(60);
constexpr auto act_limit = seconds(150);

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

class Hostile : public HostileScenario {
protected:
  void play(const Trick &trick) {
    auto created = create(trick.name);
    ASSERT_TRUE(created) << why(created);
    const Figures before = figures();
    go();
    if (*trick.act != '\0')
      fails(trick.act, act_limit);
    else if (trick.end != End::caught)
      std::this_thread::sleep_for(playing_time);
    if (trick.end == End::caught) {
      EXPECT_TRUE(gone_within(caught_limit)) << "the guest has not crashed";
    }
    const std::string told_now = trick.end == End::caught ? "" : told();
    std::printf("%s: it says \"%s\"\n", trick.name, told_now.c_str());
    const Figures after = figures();
    expect_bounded(before, after);
    if (trick.end == End::by_destroy) {
      EXPECT_THAT(dom0("linstub status"), HasSubstr("serving"));
    }
    if (host().run("xl domid t-bad", seconds(60)).value_or(base::Output{}).status.success())
      destroy_in_time();
    EXPECT_THAT(log() + told_now, HasSubstr(trick.says));
    EXPECT_LE(figures().log, 2 << 10);
  }
};

// The ring is full at all times of what is all right.
TEST_F(Hostile, FloodsTheChannel) { play({.name = "flood", .end = End::by_destroy}); }

class HostileTrick : public Hostile, public ::testing::WithParamInterface<Trick> {};

TEST_P(HostileTrick, GetsNothing) {
  ONLY_WHEN_THOROUGH();
  play(GetParam());
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
        Trick{"whole-disk", End::by_destroy, "", save},
        Trick{"empty-state", End::by_destroy, "", save},
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
        Trick{"hypercalls", End::by_destroy, "allowed: none"}),
    [](const auto &test) { return test_name(test.param.name); });

// One that does not come up: `xl create` fails in time, and says why.
struct Silence {
  const char *name;
  const char *says;
};
void PrintTo(const Silence &silence, std::ostream *out) { *out << silence.name; }

class HostileStart : public HostileScenario, public ::testing::WithParamInterface<Silence> {};

TEST_P(HostileStart, FailsInTime) {
  ONLY_WHEN_THOROUGH();
  const auto begin = base::Clock::now();
  auto created = create(GetParam().name);
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

} // namespace
} // namespace linstub::lab
