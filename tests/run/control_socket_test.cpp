// SPDX-License-Identifier: MIT
#include "run/control_socket.hpp"
#include "sys/unix_socket.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <array>

namespace linstub::run {
namespace {

using Kind = ControlReply::Kind;

TEST(ControlSocketLines, ComeBackAsTheyWere) {
  auto request = decode_request(encode(UpgradeRequest{.image = "/a \"b\""}));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->image, "/a \"b\"");
  EXPECT_EQ(request->kind, UpgradeRequest::Kind::upgrade);
  request =
      decode_request(encode(UpgradeRequest{.kind = UpgradeRequest::Kind::reset, .image = {}}));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->kind, UpgradeRequest::Kind::reset);
  for (Kind kind : {Kind::progress, Kind::done, Kind::error}) {
    auto reply = decode_reply(encode(ControlReply{.kind = kind, .text = "so it is"}));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->kind, kind);
    EXPECT_EQ(reply->text, "so it is");
    EXPECT_FALSE(reply->migrate);
  }
  auto reply = decode_reply(encode({.kind = Kind::error, .text = "no", .migrate = true}));
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->migrate);
}

TEST(ControlSocketLines, AreRefusedIfTheyAreAnythingElse) {
  for (const char *line :
       {"", "{}", "[]", "{\"command\":\"upgrade\"}", "{\"command\":1,\"image\":\"\"}",
        "{\"command\":\"destroy\",\"image\":\"\"}", "{\"command\":\"upgrade\",\"image\":1}",
        "{\"command\":\"upgrade\",\"image\":\"\"} x", "{\"command\":\"reset\",\"image\":\"/x\"}"})
    EXPECT_FALSE(decode_request(line)) << line;
  EXPECT_FALSE(decode_reply("{\"text\":\"x\"}"));
}

class ControlSocketTest : public ::testing::Test {
protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN); // as linstub-dm does
    auto loop = base::EventLoop::create();
    ASSERT_TRUE(loop);
    loop_ = std::move(*loop);
    auto socket = ControlSocket::open(
        *loop_, guest, [this](const UpgradeRequest &request) { asked_.push_back(request.image); });
    ASSERT_TRUE(socket) << socket.error().message();
    socket_ = std::move(*socket);
  }

  base::Fd client() { return sys::connect_unix(control_path(guest)).value_or(base::Fd()); }
  void turn() { ASSERT_TRUE(loop_->run_until(base::Deadline::after(base::Milliseconds(50)))); }
  static std::string read(const base::Fd &fd) {
    std::array<char, 4096> buffer;
    ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    return std::string(buffer.data(), static_cast<size_t>(std::max<ssize_t>(got, 0)));
  }

  static constexpr xen::DomId guest{32701};
  std::unique_ptr<base::EventLoop> loop_;
  std::unique_ptr<ControlSocket> socket_;
  std::vector<std::string> asked_;
};

TEST_F(ControlSocketTest, CarriesARequestAndItsAnswers) {
  base::Fd one = client();
  ASSERT_TRUE(base::write_all(one, encode(UpgradeRequest{.image = "/new"})));
  turn();
  EXPECT_THAT(asked_, testing::ElementsAre("/new"));
  socket_->say({.text = "half"});
  socket_->say({.kind = Kind::done, .text = "all"});
  EXPECT_EQ(read(one), "{\"progress\":\"half\"}\n{\"done\":\"all\"}\n");
  EXPECT_EQ(read(one), "") << "the conversation is over";
}

TEST_F(ControlSocketTest, TurnsASecondClientAway) {
  base::Fd one = client();
  turn();
  base::Fd two = client();
  turn();
  EXPECT_THAT(read(two), testing::HasSubstr("busy"));
}

TEST_F(ControlSocketTest, GoesOnWhenTheClientHasLeft) {
  {
    base::Fd one = client();
    ASSERT_TRUE(base::write_all(one, encode(UpgradeRequest{})));
    turn();
  }
  turn();
  socket_->say({.kind = Kind::done, .text = "all"});
  base::Fd two = client();
  ASSERT_TRUE(base::write_all(two, "nonsense\n"));
  turn();
  EXPECT_THAT(read(two), testing::HasSubstr("\"error\""));
  EXPECT_EQ(asked_.size(), 1);
}

TEST_F(ControlSocketTest, DropsAClientThatTalksWithoutEnd) {
  base::Fd one = client();
  for (int i = 0; i < 5; i++) {
    [[maybe_unused]] auto written = base::write_all(one, std::string(4000, 'x'));
    turn();
  }
  EXPECT_TRUE(asked_.empty());
  base::Fd two = client();
  ASSERT_TRUE(base::write_all(two, encode(UpgradeRequest{.image = "/next"})));
  turn();
  EXPECT_THAT(asked_, testing::ElementsAre("/next"));
}

} // namespace
} // namespace linstub::run
