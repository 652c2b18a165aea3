// SPDX-License-Identifier: MIT
#include "dm/changes.hpp"
#include "dm/surroundings.hpp"

namespace linstub::dm {
namespace {

using qmp::Leaves;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ChangesTest : public Surroundings {
protected:
  void done(const std::string &name, Leaves leaves, const std::string &arguments = "{}") {
    changes.done({.name = name, .arguments = arguments, .id = {}}, leaves);
  }
  void plug(const std::string &arguments) { done("device_add", Leaves::device, arguments); }
  std::string obstacle() {
    auto can = changes.can_be_replaced();
    return can ? "" : can.error().message();
  }
  std::vector<std::string> repeated() {
    std::vector<std::string> all;
    for (const qmp::Command &command : changes.to_repeat())
      all.push_back(command.name + " " + command.arguments);
    return all;
  }

  Changes changes{*host};
};

TEST_F(ChangesTest, AVirtualCpuGoesIntoThePlan) {
  plug(R"({"driver":"qemu32-i386-cpu","id":"cpu-1","socket-id":1,"core-id":0,"thread-id":0})");
  EXPECT_EQ(obstacle(), "");
  EXPECT_THAT(plan::render(plan.qemu),
              ElementsAre("-device", "qemu32-i386-cpu,id=cpu-1,socket-id=1,core-id=0,thread-id=0"));
  changes.deleted("cpu-1");
  EXPECT_THAT(plan.qemu, IsEmpty());
}

TEST_F(ChangesTest, AnyOtherDeviceIsAnObstacleUntilItIsGone) {
  plug(R"({"driver":"usb-tablet","id":"pen"})");
  EXPECT_THAT(obstacle(), HasSubstr("device pen"));
  changes.deleted("another");
  EXPECT_THAT(obstacle(), HasSubstr("device pen"));
  changes.deleted("pen");
  EXPECT_EQ(obstacle(), "");
  plug(R"({"driver":"usb-tablet"})");
  EXPECT_THAT(obstacle(), HasSubstr("without an id"));
}

TEST_F(ChangesTest, ALiveMigrationIsAnObstacle) {
  done("xen-set-global-dirty-log", Leaves::dirty_pages, R"({"enable":true})");
  EXPECT_THAT(obstacle(), HasSubstr("migrated"));
  done("xen-set-global-dirty-log", Leaves::dirty_pages, R"({"enable":false})");
  EXPECT_EQ(obstacle(), "");
}

TEST_F(ChangesTest, TheNextQemuIsToldThePasswordThatWasSetLast) {
  EXPECT_THAT(repeated(), IsEmpty());
  done("change-vnc-password", Leaves::password, R"({"password":"one"})");
  done("set_password", Leaves::password, R"({"password":"two","protocol":"vnc"})");
  EXPECT_THAT(repeated(), ElementsAre(R"(set_password {"password":"two","protocol":"vnc"})"));
}

TEST_F(ChangesTest, TheNextQemuIsToldWhichLinksAreDown) {
  done("set_link", Leaves::link, R"({"name":"nic0","up":false})");
  done("set_link", Leaves::link, R"({"name":"nic1","up":false})");
  done("human-monitor-command", Leaves::link, R"({"command-line":" set_link  nic1 on "})");
  EXPECT_EQ(obstacle(), "");
  EXPECT_THAT(repeated(), ElementsAre(R"(set_link {"name":"nic0","up":false})",
                                      R"(set_link {"name":"nic1","up":true})"));
  // Of one NIC that has two names, the last word.
  done("set_link", Leaves::link, R"({"name":"net0","up":true})");
  done("set_link", Leaves::link, R"({"name":"nic0","up":true})");
  done("set_link", Leaves::link, R"({"name":"net0","up":false})");
  EXPECT_THAT(repeated(), ElementsAre(R"(set_link {"name":"nic1","up":true})",
                                      R"(set_link {"name":"nic0","up":true})",
                                      R"(set_link {"name":"net0","up":false})"));
}

TEST_F(ChangesTest, ATimeFromNowOnIsATimeOfDayToTheNextQemu) {
  const auto soon = static_cast<long long>(::time(nullptr)) + 60;
  done("expire_password", Leaves::expiry, R"({"protocol":"vnc","time":"+60"})");
  ASSERT_EQ(repeated().size(), 1U);
  const auto time =
      std::stoll(qmp::string_member(changes.to_repeat().front().arguments, "time").value_or("0"));
  EXPECT_LE(time - soon, 2);
  EXPECT_GE(time, soon);
  done("expire_password", Leaves::expiry, R"({"protocol":"vnc","time":"never"})");
  EXPECT_THAT(repeated(), ElementsAre(R"(expire_password {"protocol":"vnc","time":"never"})"));
}

} // namespace
} // namespace linstub::dm
