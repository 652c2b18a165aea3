// SPDX-License-Identifier: MIT
#include "qmp/policy.hpp"

#include <gtest/gtest.h>

#include <set>

namespace linstub::qmp {
namespace {

Action action(const std::string &name, const std::string &arguments = "{}") {
  return rule_for({.name = name, .arguments = arguments, .id = {}}).action;
}

TEST(Policy, NamesEachCommandOnce) {
  std::set<std::string_view> names;
  for (const Rule &rule : rules())
    EXPECT_TRUE(names.insert(rule.command).second) << rule.command;
}

TEST(Policy, GivesAReasonForEachRefusalAndForNothingElse) {
  for (const Rule &rule : rules())
    EXPECT_EQ(rule.action == Action::refuse, !rule.why.empty()) << rule.command;
}

TEST(Policy, AnswersWhatOnlyDom0Knows) {
  EXPECT_EQ(action("query-vnc"), Action::answer);
  EXPECT_EQ(action("query-chardev"), Action::answer);
}

// A medium is a file of dom0's, and QEMU must not be asked to open what a client names.
TEST(Policy, ChangesMediaItself) {
  EXPECT_EQ(action("eject"), Action::answer);
  EXPECT_EQ(action("blockdev-change-medium"), Action::answer);
  EXPECT_EQ(action("change"), Action::refuse);
}

TEST(Policy, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(action("migrate"), Action::refuse);
  EXPECT_EQ(action(""), Action::refuse);
}

TEST(Policy, LooksAtTheDriverOfADevice) {
  EXPECT_EQ(action("device_add", R"({"driver":"usb-tablet"})"), Action::forward);
  EXPECT_EQ(action("device_add", R"({"driver":"xen-pci-passthrough"})"), Action::attach);
  EXPECT_EQ(action("device_add", R"({"driver":"usb-host"})"), Action::refuse);
}

// Else an upgrade would lose it without anybody knowing.
TEST(Policy, SaysOfEachCommandThatQemuGetsWhatItLeavesBehind) {
  for (const Rule &rule : rules()) {
    const bool qemu = rule.action != Action::answer && rule.action != Action::refuse;
    EXPECT_EQ(qemu, rule.leaves != Leaves::unsaid) << rule.command;
  }
}

TEST(Policy, KeepsVncEventsBack) {
  EXPECT_TRUE(passes({.name = "STOP", .text = {}}));
  EXPECT_FALSE(passes({.name = "VNC_CONNECTED", .text = {}}));
}

} // namespace
} // namespace linstub::qmp
