// SPDX-License-Identifier: MIT
#include "display/link.hpp"
#include "dm/surroundings.hpp"
#include "dm/vnc_server.hpp"

#include <sys/socket.h>

namespace linstub::dm {
namespace {

// With pixels: the display process at the other end of the link.
class VncServerTest : public Turns {
protected:
  VncServerTest() {
    auto [ours, theirs] = display::make_link().value();
    display = std::move(ours);
    server = VncServer::open(*loop, {.host = "127.0.0.1",
                                     .first_port = 5907,
                                     .last_port = 5907,
                                     .display = theirs.release()})
                 .value();
    wire.client_comes();
    bool ready = false;
    channel = Channel::create(*loop, std::make_unique<fake::Transport>(wire),
                              {.on_ready = [&] { ready = true; },
                               .on_broken = [](const std::string &why) { ADD_FAILURE() << why; }})
                  .value();
    until([&] { return ready; });
  }
  // As linstub-display asks for QEMU.
  base::Fd ask() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
    const base::Fd theirs(ends[1]);
    EXPECT_TRUE(display::send_stream(display, theirs));
    return base::Fd(ends[0]);
  }
  static bool ended(const base::Fd &stream) {
    char byte = 0;
    return ::recv(stream.get(), &byte, 1, MSG_DONTWAIT) == 0;
  }

  base::Fd display;
  std::unique_ptr<Channel> channel; // it outlives the server's streams
  std::unique_ptr<VncServer> server;
};

TEST_F(VncServerTest, JoinsTheDisplayToQemuWhenThereIsOne) {
  const base::Fd stream = ask();
  settle();
  EXPECT_FALSE(stub.has(wire::Service::vnc));
  ASSERT_TRUE(server->serve(*channel));
  until([this] { return stub.has(wire::Service::vnc); });
  stub.say_in(wire::Service::vnc, "RFB");
  std::string got(3, '\0');
  until([&] { return ::recv(stream.get(), got.data(), got.size(), MSG_DONTWAIT) > 0; });
  EXPECT_EQ(got, "RFB");
}

TEST_F(VncServerTest, DropsTheDisplaysStreamWithItsQemuAndTakesTheNextOne) {
  ASSERT_TRUE(server->serve(*channel));
  const base::Fd stream = ask();
  until([this] { return stub.has(wire::Service::vnc); });
  server->pause();
  EXPECT_TRUE(ended(stream));
  const base::Fd next = ask();
  settle();
  ASSERT_TRUE(server->serve(*channel));
  until([this] { return stub.has(wire::Service::vnc); });
  EXPECT_FALSE(ended(next));
}

// As if a viewer had taken it over: nothing but a stream is taken.
TEST_F(VncServerTest, ListensNoMoreToADisplayThatSaysSomethingElse) {
  ASSERT_TRUE(server->serve(*channel));
  ASSERT_EQ(::send(display.get(), "x", 1, 0), 1);
  settle();
  const base::Fd stream = ask();
  settle();
  EXPECT_FALSE(stub.has(wire::Service::vnc));
}

TEST_F(VncServerTest, NoticesThatTheDisplayHasEnded) {
  ASSERT_TRUE(server->serve(*channel));
  display.reset();
  settle();
  EXPECT_FALSE(server->set_password("x"));
}

} // namespace
} // namespace linstub::dm
