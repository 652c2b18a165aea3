// SPDX-License-Identifier: MIT
#include "qmp/message.hpp"

#include <gtest/gtest.h>

namespace linstub::qmp {
namespace {

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(Splitter, FindsMessagesWithoutLineEnds) {
  Splitter splitter(client_limits);
  auto messages = splitter.feed(bytes(R"({"a":1}{"b":[{}]} )"));
  ASSERT_TRUE(messages);
  EXPECT_EQ(*messages, (std::vector<std::string>{R"({"a":1})", R"({"b":[{}]})"}));
}

TEST(Splitter, GivesTheSameForBytesOneByOne) {
  Splitter splitter(client_limits);
  std::vector<std::string> all;
  for (char c : std::string_view("\r\n{\"a\":\"}\\\"{\"}\r\n{}")) {
    auto messages = splitter.feed(bytes({&c, 1}));
    ASSERT_TRUE(messages);
    all.insert(all.end(), messages->begin(), messages->end());
  }
  EXPECT_EQ(all, (std::vector<std::string>{R"({"a":"}\"{"})", "{}"}));
}

TEST(Splitter, RefusesBytesBetweenMessages) {
  Splitter splitter(client_limits);
  EXPECT_FALSE(splitter.feed(bytes("{} x")));
}

TEST(Splitter, RefusesMessagesThatAreTooLongOrTooDeep) {
  Splitter longest({.size = 8, .depth = 4});
  EXPECT_TRUE(longest.feed(bytes(R"({"a":1})")));
  EXPECT_FALSE(longest.feed(bytes(R"({"abc":1})")));
  Splitter deepest({.size = 100, .depth = 2});
  EXPECT_TRUE(deepest.feed(bytes(R"({"a":[]})")));
  EXPECT_FALSE(deepest.feed(bytes(R"({"a":[[]]})")));
}

TEST(Command, HasNameArgumentsAndId) {
  auto command = parse_command(R"({"execute":"device_add","arguments":{"id":"x"},"id":{"n":7}})");
  ASSERT_TRUE(command);
  EXPECT_EQ(command->name, "device_add");
  EXPECT_EQ(command->arguments, R"({"id":"x"})");
  EXPECT_EQ(command->id, R"({"n":7})");
}

TEST(Command, IsRefusedWithoutAProperName) {
  EXPECT_FALSE(parse_command("{}"));
  EXPECT_FALSE(parse_command(R"({"execute":7})"));
  EXPECT_FALSE(parse_command(R"({"execute":"a b"})"));
  EXPECT_FALSE(parse_command(R"({"execute":"stop","arguments":[]})"));
  EXPECT_FALSE(parse_command(R"({"execute":"stop",})"));
}

TEST(FromQemu, TellsGreetingReplyAndEventApart) {
  auto greeting = parse_from_qemu(
      R"({"QMP":{"version":{"qemu":{"micro":13,"minor":0,"major":10},"package":""},"capabilities":[]}})");
  ASSERT_TRUE(greeting);
  EXPECT_EQ(std::get<Version>(*greeting), (Version{10, 0, 13}));

  auto reply = parse_from_qemu(R"({"return":[1,2],"id":5})");
  ASSERT_TRUE(reply);
  EXPECT_EQ(std::get<Reply>(*reply).id, 5);
  EXPECT_EQ(std::get<Reply>(*reply).result, "[1,2]");

  auto event = parse_from_qemu(R"({"timestamp":{},"event":"STOP"})");
  ASSERT_TRUE(event);
  EXPECT_EQ(std::get<Event>(*event).name, "STOP");
}

TEST(FromQemu, CleansTheTextOfErrors) {
  auto reply =
      parse_from_qemu("{\"error\":{\"class\":\"GenericError\",\"desc\":\"a\\u001b[2J\"},\"id\":1}");
  ASSERT_TRUE(reply);
  EXPECT_TRUE(std::get<Reply>(*reply).failed());
  EXPECT_EQ(std::get<Reply>(*reply).error, "a?[2J");
}

TEST(FromQemu, CleansTheStringsOfResultsAndEvents) {
  auto reply = parse_from_qemu(
      R"({"return":{"text\u001b[2J":["a\tb\r\nc\u001b]0;x\u0007","d\re\u009b","\u00e9\r"]},"id":1})");
  ASSERT_TRUE(reply);
  EXPECT_EQ(std::get<Reply>(*reply).result, R"({"text?[2J":["a\tb\r\nc?]0;x?","d?e??","???"]})");
  auto event = parse_from_qemu(R"({"event":"STOP","data":{"device":"\u001b[31m"}})");
  ASSERT_TRUE(event);
  EXPECT_EQ(data_member(std::get<Event>(*event), "device"), "?[31m");
}

TEST(FromQemu, RefusesWhatIsNone) {
  EXPECT_FALSE(parse_from_qemu("{}"));
  EXPECT_FALSE(parse_from_qemu(R"({"return":{},"id":"libxl"})"));
  EXPECT_FALSE(parse_from_qemu(R"({"error":{"class":"x"}})"));
  EXPECT_FALSE(parse_from_qemu(R"({"event":"a\nb"})"));
  EXPECT_FALSE(parse_from_qemu(R"({"QMP":{"version":{"qemu":{"major":-1}}}})"));
}

TEST(Shape, IsChecked) {
  Shape status{Kind::object, {{"status", Type::string}, {"running", Type::boolean}}};
  EXPECT_TRUE(check_shape(R"({"status":"running","running":true,"more":1})", status));
  EXPECT_FALSE(check_shape(R"({"status":"running"})", status));
  EXPECT_FALSE(check_shape(R"({"status":1,"running":true})", status));
  EXPECT_FALSE(check_shape("[]", status));
  Shape list{Kind::list, {{"cpu-index", Type::integer}}};
  EXPECT_TRUE(check_shape("[]", list));
  EXPECT_TRUE(check_shape(R"([{"cpu-index":0}])", list));
  EXPECT_FALSE(check_shape(R"([{"cpu-index":0},7])", list));
  EXPECT_TRUE(check_shape("{}", {}));
  EXPECT_FALSE(check_shape(R"({"a":1})", {}));
}

TEST(ListedPciDevices, AreThoseThatLibxlSees) {
  EXPECT_EQ(listed_pci_devices(R"([{"bus":0,"devices":[{"qdev_id":"a"},{"qdev_id":""},)"
                               R"({"qdev_id":"b","pci_bridge":{"devices":[{"qdev_id":"c"}]}}]},)"
                               R"({"bus":1,"devices":[{"qdev_id":"d"}]}])"),
            (std::vector<std::string>{"a", "", "b", "d"}));
  for (const char *none : {"", "{}", "[]", "[1]", "[{}]", R"([{"devices":{}}])",
                           R"([{"devices":[1,{},{"qdev_id":1}]}])", "[{"})
    EXPECT_TRUE(listed_pci_devices(none).empty()) << none;
}

TEST(Messages, AreWrittenTheWayLibxlReadsThem) {
  EXPECT_EQ(greeting({10, 0, 13}),
            "{\"QMP\":{\"capabilities\":[],\"version\":{\"package\":\"Linstub\",\"qemu\":"
            "{\"major\":10,\"micro\":13,\"minor\":0}}}}\r\n");
  EXPECT_EQ(success("{}", "3"), "{\"id\":3,\"return\":{}}\r\n");
  EXPECT_EQ(failure("GenericError", "no\n", ""),
            "{\"error\":{\"class\":\"GenericError\",\"desc\":\"no?\"}}\r\n");
  EXPECT_EQ(command("stop", "{}", 2), "{\"execute\":\"stop\",\"id\":2}\r\n");
}

} // namespace
} // namespace linstub::qmp
