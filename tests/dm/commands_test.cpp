// SPDX-License-Identifier: MIT
#include "display/link.hpp"
#include "dm/commands.hpp"
#include "dm/surroundings.hpp"
#include "plan/arguments.hpp"
#include "qmp/human_policy.hpp"
#include "qmp/policy.hpp"

namespace linstub::dm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

class CommandsTest : public Surroundings {
protected:
  // The answer, if it comes at once.
  std::string execute(const std::string &name, std::string_view arguments = "{}",
                      base::Fd received = {}) {
    Answers now;
    commands.execute({.name = name, .arguments = std::string(arguments), .id = {}},
                     std::move(received), now.taker());
    return now.texts.empty() ? "" : now.texts.front();
  }

  std::unique_ptr<GuestServices> services =
      GuestServices::open(*loop, plan, monitors_owner()).value();
  Saver saver{saver_context(), [](const std::string &) {}};
  Media media{*loop, *host, *monitors};
  Commands commands{life, link, *services, saver, media};
};

TEST_F(CommandsTest, AreThoseThatThePolicyLeavesToLinstubDm) {
  std::vector<std::string_view> of_policy{qmp::human_rule_for("cont").command};
  for (const qmp::Rule &rule : qmp::rules()) {
    if (rule.action == qmp::Action::answer || rule.leaves == qmp::Leaves::password ||
        rule.leaves == qmp::Leaves::expiry) // with pixels: Monitor::Owner::keeps
      of_policy.push_back(rule.command);
  }
  EXPECT_THAT(Commands::names(), UnorderedElementsAreArray(of_policy));
}

TEST_F(CommandsTest, AreAllAnsweredAtOnceWhenNothingCanBeDone) {
  life.phase = Phase::booting;
  for (std::string_view name : Commands::names())
    EXPECT_NE(execute(std::string(name)), "") << name;
  EXPECT_THAT(execute("query-status"), HasSubstr("does not know the command"));
}

TEST_F(CommandsTest, TellWhatIsServedInDom0) {
  EXPECT_EQ(execute("query-vnc"), R"({"enabled":false})");
  EXPECT_EQ(execute("query-chardev"), "[]");
}

TEST_F(CommandsTest, LeaveThePasswordOfVncToQemuUnlessViewersAreTheDisplays) {
  EXPECT_FALSE(services->keeps_password());
  EXPECT_THAT(execute("set_password", R"({"protocol":"vnc","password":"secret"})"),
              HasSubstr("error: "));
}

TEST_F(CommandsTest, TellTheDisplayThePasswordOfVnc) {
  auto [ours, theirs] = display::make_link().value();
  plan.vnc = {.host = "127.0.0.1",
              .first_port = 5907,
              .last_port = 5907,
              .password = true,
              .display = theirs.release()};
  auto with_display = GuestServices::open(*loop, plan, monitors_owner()).value();
  EXPECT_TRUE(with_display->keeps_password());
  Commands its(life, link, *with_display, saver, media);
  Answers now;
  auto ask = [&](const std::string &name, const std::string &arguments) {
    its.execute({.name = name, .arguments = arguments, .id = {}}, {}, now.taker());
    return now.texts.back();
  };
  EXPECT_EQ(ask("change-vnc-password", R"({"password":"secret"})"), "{}");
  EXPECT_EQ(display::receive_password(ours).value(), "secret");
  EXPECT_EQ(ask("set_password", R"({"protocol":"vnc","password":"much too long"})"), "{}");
  EXPECT_EQ(display::receive_password(ours).value(), "much too");
  EXPECT_THAT(ask("set_password", "{}"), HasSubstr("missing"));
  EXPECT_THAT(ask("expire_password", R"({"protocol":"vnc","time":"now"})"),
              HasSubstr("does not expire"));
  EXPECT_EQ(ask("query-vnc", "{}"),
            R"({"enabled":true,"host":"127.0.0.1","service":"5907","family":"ipv4","auth":"vnc",)"
            R"("clients":[]})");
  ours.reset();
  EXPECT_THAT(ask("change-vnc-password", R"({"password":"x"})"), HasSubstr("display process"));
}

TEST_F(CommandsTest, KeepAndForgetDescriptors) {
  EXPECT_THAT(execute("add-fd"), HasSubstr("No file descriptor supplied"));
  EXPECT_EQ(execute("add-fd", R"({"opaque":"x"})", memory()), R"({"fdset-id":1,"fd":1})");
  EXPECT_EQ(execute("add-fd", "{}", memory()), R"({"fdset-id":2,"fd":2})");
  EXPECT_EQ(execute("remove-fd", R"({"fdset-id":1})"), "{}");
  EXPECT_THAT(execute("remove-fd", R"({"fdset-id":1})"), HasSubstr("error: "));
  EXPECT_THAT(execute("remove-fd", R"({"fdset-id":-2})"), HasSubstr("error: "));
  EXPECT_THAT(execute("remove-fd"), HasSubstr("error: "));
  EXPECT_EQ(execute("remove-fd", R"({"fdset-id":2})"), "{}");
}

TEST_F(CommandsTest, DoNotTouchAStubDomainThatDoesNotServe) {
  connect();
  ASSERT_EQ(execute("add-fd", "{}", memory()), R"({"fdset-id":1,"fd":1})");
  for (Phase phase : all_phases) {
    if (phase == Phase::serving)
      continue;
    life.phase = phase;
    for (const char *name : {"xen-save-devices-state", "blockdev-change-medium", "eject"})
      EXPECT_EQ(execute(name, R"({"filename":"/dev/fdset/1","id":"ide-5632"})"),
                "error: the device model is being replaced")
          << name << " in phase " << int(phase);
  }
  settle();
  EXPECT_THAT(stub.asked, IsEmpty());
}

TEST_F(CommandsTest, NeedAFileThatWasPassedBefore) {
  connect();
  for (const char *name : {"xen-save-devices-state", "blockdev-change-medium"}) {
    for (const char *arguments :
         {"{}", R"({"filename":"/etc/passwd"})", R"({"filename":"/dev/fdset/1"})"})
      EXPECT_THAT(execute(name, arguments), HasSubstr("error: ")) << name << arguments;
  }
  EXPECT_FALSE(saver.busy());
  EXPECT_FALSE(media.busy());
}

TEST_F(CommandsTest, WakeAStubDomainThatRestsForWhatConcernsIt) {
  connect();
  link.let_rest();
  link.rest();
  execute("query-vnc");
  EXPECT_THAT(xen.calls, ElementsAre("pause 6"));
  execute("eject", R"({"id":"ide-5632"})");
  EXPECT_THAT(xen.calls, ElementsAre("pause 6", "unpause 6"));
}

TEST_F(CommandsTest, AMediumIsTheFileThatWasPassed) {
  connect();
  ASSERT_EQ(execute("add-fd", "{}", memory()), R"({"fdset-id":1,"fd":1})");
  EXPECT_THAT(execute("blockdev-change-medium", R"({"filename":"/dev/fdset/1","id":"ide-5632"})"),
              HasSubstr("no CD-ROM drive"))
      << "of this guest";
}

TEST_F(CommandsTest, AStateIsSavedToTheFileThatWasPassed) {
  connect();
  base::Fd target = memory();
  ASSERT_EQ(execute("add-fd", "{}", base::Fd(::dup(target.get()))), R"({"fdset-id":1,"fd":1})");
  Answers later;
  commands.execute({.name = "xen-save-devices-state",
                    .arguments = R"({"filename":"/dev/fdset/1","live":true})",
                    .id = {}},
                   {}, later.taker());
  until([this] { return stub.was_asked("xen-save-devices-state"); });
  save_in_stub_domain("state");
  until([&] { return !later.texts.empty(); });
  EXPECT_THAT(later.texts, ElementsAre("{}"));
  EXPECT_EQ(content_of(target), marked("state"));
}

} // namespace
} // namespace linstub::dm
