// SPDX-License-Identifier: MIT
#include "dm/monitor.hpp"
#include "dm/monitor_fixture.hpp"

namespace linstub::dm {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr const char *query_status = R"({"execute":"query-status","id":"libxl-3"})";
constexpr const char *add_device =
    R"({"execute":"device_add","id":1,)"
    R"("arguments":{"driver":"xen-pci-passthrough","id":"pci-0","hostaddr":"0000:03:00.0"}})";

class MonitorTest : public MonitorFixture {};

TEST_F(MonitorTest, AClientIsGreetedWhenQemuHasGreeted) {
  stub.greets = false;
  QmpClient early(path);
  until([this] { return stub.has(wire::Service::qmp); });
  settle();
  EXPECT_EQ(early.heard(), "");
  EXPECT_FALSE(monitors->ask("query-status", "{}", [](const qmp::Reply &) {}));
  stub.greet();
  until([&] { return early.has_heard("\n"); });
  EXPECT_THAT(early.heard(),
              AllOf(HasSubstr("\"QMP\""), HasSubstr(R"("major":10)"), HasSubstr("Linstub")));
  EXPECT_EQ(ready, 1);
}

TEST_F(MonitorTest, TheReplyToAForwardedCommandComesBackWithTheClientsId) {
  stub.answer("query-status", R"({"status":"running","running":true})");
  auto one = client();
  EXPECT_THAT(answer(*one, query_status),
              AllOf(HasSubstr(R"("id":"libxl-3")"), HasSubstr(R"("status":"running")")));
  EXPECT_THAT(stub.asked, ElementsAre("query-status {}"));
  EXPECT_THAT(before_qemu, ElementsAre("query-status"));
}

TEST_F(MonitorTest, AReplyWithoutTheShapeThatThePolicySaysIsRefused) {
  auto one = client();
  for (const char *result :
       {"[]", "{}", R"({"status":1,"running":true})", R"({"status":"running"})"}) {
    stub.answer("query-status", result);
    EXPECT_THAT(answer(*one, query_status),
                AllOf(HasSubstr("\"error\""), HasSubstr("not fit to be passed on"),
                      HasSubstr(R"("id":"libxl-3")")))
        << result;
  }
  stub.answer("stop", R"({"more":1})");
  EXPECT_THAT(answer(*one, R"({"execute":"stop"})"), HasSubstr("not fit to be passed on"));
}

TEST_F(MonitorTest, AnErrorOfQemuKeepsItsClass) {
  stub.refuse("device_del", "Device 'x' not found", "DeviceNotFound");
  auto one = client();
  EXPECT_THAT(answer(*one, R"({"execute":"device_del","arguments":{"id":"x"},"id":4})"),
              AllOf(HasSubstr(R"("class":"DeviceNotFound")"), HasSubstr("Device 'x' not found"),
                    HasSubstr(R"("id":4)")));
}

TEST_F(MonitorTest, WhatThePolicyRefusesOrDoesNotKnowDoesNotReachQemu) {
  auto one = client();
  EXPECT_THAT(answer(*one, R"({"execute":"quit","id":1})"),
              AllOf(HasSubstr("GenericError"), HasSubstr("use xl destroy")));
  EXPECT_THAT(answer(*one, R"({"execute":"frobnicate","id":2})"),
              AllOf(HasSubstr("CommandNotFound"), HasSubstr(R"("id":2)")));
  EXPECT_THAT(
      answer(*one, R"({"execute":"device_add","arguments":{"driver":"usb-host","id":"u"}})"),
      HasSubstr("USB"));
  EXPECT_THAT(stub.asked, IsEmpty());
  EXPECT_THAT(executed, IsEmpty());
}

TEST_F(MonitorTest, AnAnswerOfTheOwnerMayComeLaterAndOutOfOrder) {
  auto one = client();
  one->say(R"({"execute":"query-vnc","id":1}{"execute":"query-chardev","id":2})");
  until([this] { return executed.size() == 2; });
  EXPECT_EQ(executed[0].command.name, "query-vnc");
  EXPECT_EQ(executed[1].command.name, "query-chardev");
  executed[1].answer("[]");
  executed[0].answer(base::fail("no VNC"));
  until([&] { return one->has_heard("no VNC"); });
  EXPECT_THAT(one->heard(), AllOf(StartsWith(R"({"id":2,"return":[]})"), HasSubstr(R"("id":1)")));
  EXPECT_THAT(stub.asked, IsEmpty());
}

TEST_F(MonitorTest, EventsPassThatAClientCannotFindOutOtherwise) {
  auto one = client();
  stub.qemu_says(R"({"event":"VNC_CONNECTED","data":{"server":{"host":"unix"}}})");
  stub.qemu_says(R"({"event":"NIC_RX_FILTER_CHANGED","data":{}})");
  stub.qemu_says(R"({"event":"STOP","timestamp":{"seconds":1,"microseconds":2}})");
  until([&] { return one->has_heard("\n"); });
  settle();
  EXPECT_THAT(one->heard(), AllOf(HasSubstr("\"STOP\""), Not(HasSubstr("VNC")),
                                  Not(HasSubstr("NIC")), HasSubstr("\"seconds\":1")));
}

TEST_F(MonitorTest, APciDeviceThatIsDeletedIsGivenBackOnce) {
  auto one = client();
  one->say(add_device);
  until([this] { return !attachments.empty(); });
  attachments[0].done({});
  until([this] { return !taken.empty(); });
  for (const char *id : {"pci-1", "pci-0", "pci-0", ""})
    stub.qemu_says(
        base::format(R"({{"event":"DEVICE_DELETED","data":{{"device":"{}","path":"/x"}}}})", id));
  stub.qemu_says(R"({"event":"STOP"})");
  until([&] { return one->has_heard("STOP"); });
  EXPECT_THAT(given_back, ElementsAre("pci-0"));
}

TEST_F(MonitorTest, NobodyIsAskedToGiveBackWhatQemuNeverHad) {
  auto one = client();
  stub.qemu_says(R"({"event":"DEVICE_DELETED","data":{"device":"pci-0","path":"/x"}})");
  until([&] { return one->has_heard("DEVICE_DELETED"); });
  EXPECT_THAT(given_back, IsEmpty());
}

TEST_F(MonitorTest, DisconnectingFailsWhatWaitsAndTheClientStays) {
  stub.leave("query-status");
  auto one = client();
  one->say(query_status);
  until([this] { return stub.was_asked("query-status"); });
  monitors->disconnect();
  until([&] { return one->has_heard("\n"); });
  EXPECT_THAT(one->heard(), AllOf(HasSubstr("being replaced"), HasSubstr(R"("id":"libxl-3")")));
  EXPECT_THAT(answer(*one, query_status), HasSubstr("not ready"));

  until([this] { return !stub.has(wire::Service::qmp); });
  stub.answer("query-status", R"({"status":"paused","running":false})");
  ASSERT_TRUE(monitors->connect(*channel));
  until([this] { return ready == 2; });
  EXPECT_THAT(answer(*one, query_status), HasSubstr("\"paused\""));
  EXPECT_FALSE(one->was_dropped());
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(MonitorTest, DisconnectingFromInsideAReplyDoesNoHarm) {
  await_qemu();
  std::vector<std::string> replies;
  auto note = [&](const qmp::Reply &reply) {
    replies.push_back(reply.error);
    monitors->disconnect();
  };
  stub.leave("stop");
  ASSERT_TRUE(monitors->ask("stop", "{}",
                            [&](const qmp::Reply &reply) { replies.push_back(reply.error); }));
  ASSERT_TRUE(monitors->ask("cont", "{}", note));
  until([&] { return replies.size() == 2; });
  settle();
  EXPECT_THAT(replies, ElementsAre("", HasSubstr("being replaced")));
}

TEST_F(MonitorTest, QemuThatBreaksTheProtocolIsToldToTheOwner) {
  await_qemu();
  for (const char *text : {"nonsense", R"({"return":{},"id":77})", R"({"return":{}})",
                           R"({"QMP":{"version":{"qemu":{"major":1,"minor":2,"micro":3}}}})",
                           R"({"event":"lower case"})", R"({"hello":1})"}) {
    broken.clear();
    stub.qemu_says(text);
    until([this] { return !broken.empty(); });
    EXPECT_THAT(broken, ElementsAre(StartsWith("QEMU's monitor: "))) << text;
    monitors->disconnect();
    until([this] { return !stub.has(wire::Service::qmp); });
    ready = 0;
    ASSERT_TRUE(monitors->connect(*channel));
    await_qemu();
  }
}

TEST_F(MonitorTest, TheEndOfQemusStreamIsToldInPrintableCharacters) {
  await_qemu();
  stub.close(wire::Service::qmp, "QEMU has\n gone");
  until([this] { return !broken.empty(); });
  EXPECT_THAT(broken, ElementsAre("QEMU's monitor has closed: QEMU has? gone"));
}

TEST_F(MonitorTest, APciDeviceIsAttachedBeforeQemuIsAskedToAddIt) {
  auto one = client();
  one->say(add_device);
  until([this] { return !attachments.empty(); });
  settle();
  EXPECT_THAT(attachments[0].arguments, HasSubstr("0000:03:00.0"));
  EXPECT_THAT(stub.asked, IsEmpty());
  attachments[0].done({});
  until([&] { return one->has_heard("return"); });
  EXPECT_THAT(stub.asked, ElementsAre(StartsWith("device_add ")));
  EXPECT_THAT(taken, ElementsAre("pci-0"));
  EXPECT_THAT(given_back, IsEmpty());
}

TEST_F(MonitorTest, APciDeviceThatQemuRefusesIsGivenBack) {
  stub.refuse("device_add", "no such bus");
  auto one = client();
  one->say(add_device);
  until([this] { return !attachments.empty(); });
  attachments[0].done({});
  until([&] { return one->has_heard("no such bus"); });
  EXPECT_THAT(given_back, ElementsAre("pci-0"));
  EXPECT_THAT(taken, IsEmpty());
}

TEST_F(MonitorTest, APciDeviceThatCannotBeAttachedIsNotQemusMatter) {
  auto one = client();
  one->say(add_device);
  until([this] { return !attachments.empty(); });
  attachments[0].done(base::fail("it is not with xen-pciback"));
  until([&] { return one->has_heard("not with xen-pciback"); });
  EXPECT_THAT(stub.asked, IsEmpty());
  EXPECT_THAT(given_back, IsEmpty());
}

TEST_F(MonitorTest, APciDeviceThatNobodyWaitsForAnyMoreIsGivenBack) {
  auto one = client();
  one->say(add_device);
  until([this] { return !attachments.empty(); });
  one.reset();
  settle();
  attachments[0].done({});
  settle();
  EXPECT_THAT(given_back, ElementsAre("pci-0"));
  EXPECT_THAT(stub.asked, IsEmpty());
}

TEST_F(MonitorTest, APciDeviceThatQemuHasWhenNobodyWaitsForItIsRemovedAgain) {
  stub.leave("device_add");
  auto one = client();
  one->say(add_device);
  until([this] { return !attachments.empty(); });
  attachments[0].done({});
  until([this] { return stub.was_asked("device_add"); });
  one.reset();
  settle();
  stub.finish("device_add");
  until([this] { return stub.was_asked("device_del"); });
  EXPECT_THAT(stub.asked, Contains(R"(device_del {"id":"pci-0"})"));
  EXPECT_THAT(given_back, IsEmpty()) << "QEMU has it until it says DEVICE_DELETED";
}

TEST_F(MonitorTest, TheListOfPciDevicesIsPassedOnWhenNoneIsOnItsWayBack) {
  const std::string listed = R"([{"bus":0,"devices":[]}])";
  stub.answer("query-pci", listed);
  auto one = client();
  one->say(R"({"execute":"query-pci","id":5})");
  until([this] { return !settling.empty(); });
  EXPECT_EQ(settling[0].listed, listed);
  settle();
  EXPECT_EQ(one->heard(), "");
  settling[0].then({});
  until([&] { return one->has_heard(R"("id":5)"); });
  EXPECT_TRUE(one->has_heard(listed));

  one->say(R"({"execute":"query-pci","id":6})");
  until([this] { return settling.size() == 2; });
  one.reset();
  settle();
  settling[1].then({}); // nobody waits for it
}

// libxl takes a device that is not in the list for free.
TEST_F(MonitorTest, TheListOfPciDevicesIsAnErrorWhenOneDoesNotComeBack) {
  stub.answer("query-pci", R"([{"bus":0,"devices":[]}])");
  auto one = client();
  one->say(R"({"execute":"query-pci","id":5})");
  until([this] { return !settling.empty(); });
  settling[0].then(base::fail("it is stuck"));
  until([&] { return one->has_heard("\n"); });
  EXPECT_THAT(one->heard(), AllOf(HasSubstr("\"error\""), HasSubstr("it is stuck"),
                                  HasSubstr(R"("id":5)"), Not(HasSubstr("return"))));
}

TEST_F(MonitorTest, AClientThatHasLeftIsNotAnsweredNorIsTheNextInItsPlace) {
  stub.leave("query-status");
  auto one = client();
  one->say(query_status);
  one->say(R"({"execute":"query-vnc","id":"libxl-4"})");
  until([this] { return stub.was_asked("query-status") && !executed.empty(); });
  one.reset();
  auto next = client();
  stub.finish("query-status", R"({"status":"running","running":true})");
  executed[0].answer("{}");
  settle();
  EXPECT_EQ(next->heard(), "");
  stub.answer("query-name", R"({"name":"sunny"})");
  EXPECT_THAT(answer(*next, R"({"execute":"query-name"})"), HasSubstr("sunny"));
}

} // namespace
} // namespace linstub::dm
