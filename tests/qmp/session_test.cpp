// SPDX-License-Identifier: MIT
#include "qmp/session.hpp"

#include <gtest/gtest.h>

namespace linstub::qmp {
namespace {

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(ServerSession, WantsCapabilitiesFirst) {
  std::vector<std::string> asked;
  ServerSession session({10, 0, 0}, [&](const Command &command) { asked.push_back(command.name); });
  EXPECT_NE(session.take_output().find("\"QMP\""), std::string::npos);
  ASSERT_TRUE(session.feed(bytes(R"({"execute":"stop","id":1})")));
  EXPECT_NE(session.take_output().find("qmp_capabilities"), std::string::npos);
  ASSERT_TRUE(session.feed(bytes(R"({"execute":"qmp_capabilities","id":2}{"execute":"stop"})")));
  EXPECT_EQ(session.take_output(), "{\"id\":2,\"return\":{}}\r\n");
  EXPECT_EQ(asked, std::vector<std::string>{"stop"});
}

TEST(ServerSession, SendsNoEventsBeforeTheNegotiation) {
  ServerSession session({10, 0, 0}, [](const Command &) {});
  session.take_output();
  session.event({.name = "STOP", .text = "{}"});
  EXPECT_EQ(session.take_output(), "");
}

TEST(ServerSession, AnswersABadCommandAndGoesOn) {
  ServerSession session({10, 0, 0}, [](const Command &) {});
  session.take_output();
  EXPECT_TRUE(session.feed(bytes(R"({"execute":[]})")));
  EXPECT_NE(session.take_output().find("GenericError"), std::string::npos);
  EXPECT_FALSE(session.feed(bytes("GET / HTTP/1.1")));
}

class Client : public testing::Test {
protected:
  void ready() {
    ASSERT_TRUE(
        session_.feed(bytes(R"({"QMP":{"version":{"qemu":{"micro":0,"minor":0,"major":10}}}})")));
    EXPECT_EQ(session_.take_output(), "{\"execute\":\"qmp_capabilities\",\"id\":1}\r\n");
    ASSERT_TRUE(session_.feed(bytes(R"({"return":{},"id":1})")));
    EXPECT_EQ(version_, (Version{10, 0, 0}));
  }

  Version version_;
  std::vector<std::string> events_;
  ClientSession session_{
      {.on_ready = [this](Version version) { version_ = version; },
       .on_event = [this](const Event &event) { events_.push_back(event.name); }}};
};

TEST_F(Client, NegotiatesAndMatchesRepliesToCommands) {
  ready();
  std::string first;
  std::string second;
  ASSERT_TRUE(session_.execute("a", "{}", [&](const Reply &reply) { first = reply.result; }));
  ASSERT_TRUE(session_.execute("b", "{}", [&](const Reply &reply) { second = reply.error; }));
  ASSERT_TRUE(session_.feed(bytes(R"({"error":{"class":"X","desc":"no"},"id":3})"
                                  R"({"event":"STOP"}{"return":[],"id":2})")));
  EXPECT_EQ(first, "[]");
  EXPECT_EQ(second, "no");
  EXPECT_EQ(events_, std::vector<std::string>{"STOP"});
}

TEST_F(Client, TakesNoCommandBeforeTheGreeting) {
  EXPECT_FALSE(session_.execute("stop", "{}", [](const Reply &) {}));
}

TEST_F(Client, PassesOverEventsBeforeTheGreetingButRefusesReplies) {
  EXPECT_TRUE(session_.feed(bytes(R"({"event":"NIC_RX_FILTER_CHANGED","data":{}})")));
  ready();
  EXPECT_TRUE(events_.empty());
}

TEST_F(Client, RefusesRepliesBeforeTheGreeting) {
  EXPECT_FALSE(session_.feed(bytes(R"({"return":{},"id":1})")));
}

TEST_F(Client, RefusesRepliesToNothing) {
  ready();
  EXPECT_FALSE(session_.feed(bytes(R"({"return":{},"id":9})")));
}

TEST_F(Client, RefusesASecondGreeting) {
  ready();
  EXPECT_FALSE(
      session_.feed(bytes(R"({"QMP":{"version":{"qemu":{"micro":0,"minor":0,"major":1}}}})")));
}

TEST_F(Client, BoundsTheCommandsWithoutAReply) {
  ready();
  for (size_t i = 0; i < ClientSession::most_pending; i++)
    ASSERT_TRUE(session_.execute("stop", "{}", [](const Reply &) {}));
  EXPECT_FALSE(session_.execute("stop", "{}", [](const Reply &) {}));
}

} // namespace
} // namespace linstub::qmp
