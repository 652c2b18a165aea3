// SPDX-License-Identifier: MIT
// Stub domains that have booted before there is a guest for them.
#include "scenario.hpp"

#include <cstdlib>
#include <thread>

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto make_limit = seconds(180);
constexpr auto end_limit = seconds(120);
constexpr auto command_limit = seconds(120);

constexpr const char *domids_of_spares =
    "xl list | awk '$1 ~ /^linstub-spare-/ { print $2 }' | sort -n | xargs";

constexpr const char *settings = "/etc/linstub/linstub.toml";

class Spares : public Scenario {
protected:
  void SetUp() override {
    dom0(base::format("f={}; cp -p $f /var/tmp/lab-t-settings; echo 'spares = 1' >$f", settings));
    Scenario::SetUp();
  }
  void TearDown() override {
    dom0("pkill -f [s]pares-later; linstub spares 0");
    Scenario::TearDown();
    dom0(base::format("mv /var/tmp/lab-t-settings {}", settings));
  }
  std::string spares() { return dom0(domids_of_spares); }
};

TEST_F(Spares, AreTakenByTheNextGuestAndMadeAnew) {
  EXPECT_THAT(succeeds("linstub spares", make_limit), HasSubstr("1 spare stub domain is ready."));
  const std::string spare = spares();
  ASSERT_GT(std::atoi(spare.c_str()), 0) << spare;
  EXPECT_THAT(dom0("xl list -l"), ::testing::Not(HasSubstr("linstub-spare")));
  EXPECT_THAT(dom0("linstub status"), HasSubstr("1 spare stub domain is ready"));
  {
    GuestRun run = start({.name = "t-spares"});
    EXPECT_EQ(dom0("xl domid t-spares-dm"), spare);
    EXPECT_EQ(dom0("xenstore-read /local/domain/" + spare + "/linstub/guest"),
              dom0("xl domid t-spares"));
    EXPECT_NE(spares(), spare) << "it is this guest's alone";
    EXPECT_EQ(qemus(), "0");
    // As Xen counts it: it was made for a guest with more.
    EXPECT_THAT(dom0("linstub status --json | tr -d ' \\n'"), HasSubstr("\"memory\":36,"));
    EXPECT_TRUE(holds_within(base::format("[ -n \"$({})\" ]", domids_of_spares), make_limit))
        << "no other one was made";
    EXPECT_NE(spares(), spare);
    // What a spare one became is like any other: it can be replaced.
    succeeds("linstub upgrade t-spares", command_limit);
    EXPECT_NE(dom0("xl domid t-spares-dm"), spare);
    dom0("xl destroy t-spares");
  }
  EXPECT_TRUE(holds_within("! xl domid t-spares-dm >/dev/null 2>&1", end_limit));
}

TEST_F(Spares, AreLeftToOthersByAGuestWithSettingsOfItsOwn) {
  succeeds("linstub spares 1", make_limit);
  const std::string spare = spares();
  GuestRun run = start(
      {.name = "t-spares", .extra = {"device_model_args_hvm = [ \"-linstub\", \"memory=48\" ]"}});
  EXPECT_NE(dom0("xl domid t-spares-dm"), spare);
  EXPECT_EQ(spares(), spare);
}

// Nobody's stub domain obeys the toolstack, as a guest's does not; and is made anew, as one that
// somebody has destroyed.
TEST_F(Spares, ShutDownWhenTheyAreAskedTo) {
  succeeds("linstub spares 2", make_limit);
  EXPECT_TRUE(holds_within("[ $(xl list | grep -c linstub-spare-) = 2 ]", command_limit));
  const std::string first = dom0(base::format("{} | cut -d ' ' -f 1", domids_of_spares));
  const std::string second = dom0(base::format("{} | cut -d ' ' -f 2", domids_of_spares));
  // Their kernels have to be there to hear it.
  std::this_thread::sleep_for(seconds(10));
  succeeds("xl shutdown -w " + first, command_limit);
  succeeds("xl destroy " + second, command_limit);
  EXPECT_THAT(succeeds("linstub spares 1", make_limit), HasSubstr("1 spare stub domain is ready."));
  EXPECT_NE(spares(), first);
  EXPECT_NE(spares(), second);
  EXPECT_THAT(succeeds("linstub spares 0", make_limit),
              HasSubstr("There is no spare stub domain."));
  EXPECT_THAT(left_within(end_limit), IsEmpty());
}

} // namespace
} // namespace linstub::lab
