// SPDX-License-Identifier: MIT
#include "qmp/human_policy.hpp"

#include <gmock/gmock.h>

namespace linstub::qmp {
namespace {

using testing::HasSubstr;

Action action(std::string_view line) { return human_rule_for(line).action; }

TEST(HumanPolicy, LetsThroughWhatConcernsTheGuestAlone) {
  for (const char *line : {"info status", "info", "  info  cpus", "stop", "sendkey ctrl-alt-f1",
                           "x /4xb 0x7c00", "xp/1i 0xffff0", "p/x $pc", "nmi", "help info"})
    EXPECT_EQ(action(line), Action::forward) << line;
}

TEST(HumanPolicy, AGuestGoesOnAsByQmp) {
  for (const char *line : {"cont", "c", " cont "})
    EXPECT_EQ(action(line), Action::answer) << line;
}

TEST(HumanPolicy, RefusesAllElseWithASentence) {
  for (const char *line :
       {"screendump /tmp/s.ppm", "migrate exec:id", "device_add usb-tablet", "eject ide1-cd0",
        "info vnc", "info chardev", "gdbserver", "object_add rng-random,id=r", "", " ", "quit", "q",
        "infostatus", "/info status", "set_password vnc x", "log all"}) {
    EXPECT_EQ(action(line), Action::refuse) << line;
    EXPECT_FALSE(human_rule_for(line).why.empty()) << line;
    EXPECT_FALSE(human_rule_for(line).command.empty()) << line << ": it is no unknown command";
  }
  EXPECT_THAT(human_rule_for("screendump /tmp/s.ppm").why, HasSubstr("VNC client"));
  EXPECT_THAT(human_rule_for("change ide1-cd0 /x").why, HasSubstr("xl cd-insert"));
}

TEST(HumanPolicy, ALinkIsSetByWordsThatAreUnderstood) {
  for (const char *line : {"set_link nic0 off", "  set_link  e1000.0 on "}) {
    const Rule &rule = human_rule_for(line);
    EXPECT_EQ(rule.action, Action::forward) << line;
    EXPECT_EQ(rule.leaves, Leaves::link) << line;
  }
  for (const char *line : {"set_link", "set_link nic0", "set_link nic0 of", "set_link \"nic0\" on",
                           "set_link nic0 on off", "set_link /x on"}) {
    EXPECT_EQ(action(line), Action::refuse) << line;
    EXPECT_THAT(human_rule_for(line).why, HasSubstr("info network")) << line;
  }
  const auto command = link_command("set_link nic0 off");
  ASSERT_TRUE(command);
  EXPECT_EQ(command->name, "set_link");
  EXPECT_EQ(command->arguments, R"({"name":"nic0","up":false})");
}

// QEMU takes more than the blank for the end of a word.
TEST(HumanPolicy, TakesNoLineThatQemuCouldReadInAnotherWay) {
  EXPECT_EQ(action("info\tstatus"), Action::refuse);
  EXPECT_EQ(action("info status\nquit"), Action::refuse);
  EXPECT_EQ(action("help " + std::string(2000, 'x')), Action::refuse);
}

TEST(HumanPolicy, IsAskedForTheHumanMonitor) {
  auto rule = [](const char *arguments) {
    return rule_for({.name = "human-monitor-command", .arguments = arguments, .id = {}}).action;
  };
  EXPECT_EQ(rule(R"({"command-line":"info status"})"), Action::forward);
  EXPECT_EQ(rule(R"({"command-line":"screendump /x"})"), Action::refuse);
  EXPECT_EQ(rule("{}"), Action::refuse);
}

} // namespace
} // namespace linstub::qmp
