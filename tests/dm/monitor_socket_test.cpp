// SPDX-License-Identifier: MIT
#include "dm/monitor_fixture.hpp"
#include "dm/monitor_socket.hpp"

namespace linstub::dm {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char *add_fd = R"({"execute":"add-fd","id":1})";

class MonitorSocketTest : public MonitorFixture {};

TEST_F(MonitorSocketTest, AClientHasToNegotiateFirst) {
  await_qemu();
  QmpClient one(path);
  until([&] { return one.has_heard("QMP"); });
  EXPECT_THAT(answer(one, add_fd), HasSubstr("CommandNotFound"));
  EXPECT_THAT(answer(one, R"({"execute":"qmp_capabilities","id":2})"), HasSubstr("return"));
  EXPECT_THAT(answer(one, R"({"execute":"qmp_capabilities","id":3})"), HasSubstr("already"));
  EXPECT_THAT(executed, IsEmpty());
}

TEST_F(MonitorSocketTest, TheSecondClientIsGreetedWhenTheFirstHasLeft) {
  auto one = client();
  QmpClient two(path);
  settle();
  EXPECT_EQ(two.heard(), "");
  EXPECT_FALSE(two.was_dropped());
  one.reset();
  until([&] { return two.has_heard("QMP"); });
}

TEST_F(MonitorSocketTest, ACommandReachesTheOwnerWithTheDescriptorThatCameWithIt) {
  auto one = client();
  base::Fd file = memory("the file");
  one->say_with(add_fd, {file.get()});
  file.reset();
  one->say(add_fd);
  until([this] { return executed.size() == 2; });
  EXPECT_EQ(executed[0].command.name, "add-fd");
  ASSERT_TRUE(executed[0].received);
  EXPECT_EQ(content_of(executed[0].received), "the file");
  EXPECT_FALSE(executed[1].received) << "none came with the second";
}

TEST_F(MonitorSocketTest, OnlyTheNewestDescriptorsThatNobodyUsesAreKept) {
  auto one = client();
  std::vector<base::Fd> files;
  files.reserve(6);
  for (int i = 0; i < 6; i++)
    files.push_back(memory(std::to_string(i)));
  for (int i = 0; i < 5; i++)
    one->say_with(" ", {files[static_cast<size_t>(i)].get()});
  one->say_with(add_fd, {files[5].get()});
  until([this] { return executed.size() == 1; });
  ASSERT_TRUE(executed[0].received);
  EXPECT_EQ(content_of(executed[0].received), "2") << "four are kept";
}

TEST_F(MonitorSocketTest, MoreDescriptorsAtOnceThanAreKeptDoNoHarm) {
  auto one = client();
  base::Fd file = memory("the file");
  one->say_with(add_fd, std::vector<int>(8, file.get()));
  until([this] { return executed.size() == 1; });
  EXPECT_TRUE(executed[0].received);
}

TEST_F(MonitorSocketTest, TheDescriptorsOfOneClientAreNotTheNextOnes) {
  auto one = client();
  base::Fd file = memory("the file");
  one->say_with(" ", {file.get()});
  settle();
  one.reset();
  auto next = client();
  next->say(add_fd);
  until([this] { return executed.size() == 1; });
  EXPECT_FALSE(executed[0].received);
}

TEST_F(MonitorSocketTest, AClientThatTalksNonsenseIsDroppedAndTheNextServed) {
  auto one = client();
  one->say("GET / HTTP/1.0\r\n\r\n");
  until([&] { return one->was_dropped(); });
  auto next = client();
  EXPECT_THAT(answer(*next, R"({"execute":"quit"})"), HasSubstr("xl destroy"));
}

TEST_F(MonitorSocketTest, ACommandThatIsNoneIsAnErrorAndTheClientStays) {
  auto one = client();
  EXPECT_THAT(answer(*one, R"({"execute":1})"), HasSubstr("\"error\""));
  EXPECT_THAT(answer(*one, R"({"run":"stop"})"), HasSubstr("\"error\""));
  EXPECT_FALSE(one->was_dropped());
}

TEST_F(MonitorSocketTest, AClientThatDoesNotReadIsDroppedWhenTooMuchIsOwedToIt) {
  auto one = client();
  for (int i = 0; i < 4; i++)
    one->say(R"({"execute":"query-vnc"})");
  until([this] { return executed.size() == 4; });
  const std::string megabyte = qmp::quoted(std::string(1 << 20, 'x'));
  executed[0].answer(megabyte);
  settle();
  executed[1].answer(megabyte);
  executed[2].answer(megabyte);
  executed[3].answer(megabyte);
  until([&] { return one->was_dropped(); });
  EXPECT_LT(one->heard().size(), 2U << 20);
}

TEST_F(MonitorSocketTest, AClientThatReadsSlowlyGetsAll) {
  auto one = client();
  one->say(R"({"execute":"query-vnc"})");
  until([this] { return executed.size() == 1; });
  executed[0].answer(qmp::quoted(std::string(1 << 20, 'x')));
  settle();
  until([&] { return one->has_heard("\n"); });
  EXPECT_GT(one->heard().size(), 1U << 20);
  EXPECT_FALSE(one->was_dropped());
}

// The answer to the first command finds nobody: the others are of a client that has gone.
TEST_F(MonitorSocketTest, AClientMayLeaveWithSeveralCommandsOnTheirWay) {
  answers_at_once = true;
  auto one = client();
  one->say(R"({"execute":"query-vnc"}{"execute":"quit"}{"execute":"stop"}{"execute":"x"})");
  one.reset();
  settle();
  EXPECT_EQ(executed.size(), 1U);
  EXPECT_THAT(stub.asked, IsEmpty());
  auto next = client();
  EXPECT_THAT(answer(*next, R"({"execute":"quit"})"), HasSubstr("xl destroy"));
}

TEST_F(MonitorSocketTest, TheSocketGoesWithTheObject) {
  EXPECT_EQ(::access(path.c_str(), F_OK), 0);
  monitors.reset();
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST_F(MonitorSocketTest, ASocketThatLibxlListensOnIsUsedAndLeftInItsPlace) {
  const std::string other = directory.path("libxl");
  base::Fd listener = sys::listen_unix(other).value();
  int ready_there = 0;
  auto second =
      Monitor::open(*loop, {{.path = {}, .fd = listener.release()}},
                    {.execute = [](const qmp::Command &, base::Fd, const Monitor::Answer &) {},
                     .before_qemu = [](std::string_view, std::string_view) {},
                     .on_ready = [&] { ready_there++; },
                     .on_broken = [](const std::string &) {},
                     .attach = [](const std::string &, const auto &) {},
                     .taken = [](const std::string &) {},
                     .give_back = [](const std::string &) {},
                     .settle = [](const std::string &, const auto &) {}})
          .value();
  await_qemu();
  monitors->disconnect();
  until([this] { return !stub.has(wire::Service::qmp); });
  ASSERT_TRUE(second->connect(*channel));
  until([&] { return ready_there == 1; });
  QmpClient one(other);
  until([&] { return one.has_heard("QMP"); });
  second.reset();
  until([&] { return one.was_dropped(); });
  EXPECT_EQ(::access(other.c_str(), F_OK), 0);
}

} // namespace
} // namespace linstub::dm
