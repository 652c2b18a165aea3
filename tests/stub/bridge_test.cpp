// SPDX-License-Identifier: MIT
#include "fake/transport.hpp"
#include "stub/bridge.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace linstub::stub {
namespace {

using base::Milliseconds;

class BridgeTest : public testing::Test {
protected:
  BridgeTest() {
    bridge = *Bridge::create(*loop, std::make_unique<fake::Transport>(wire),
                             [this]() -> base::Result<base::Fd> {
                               int pair[2];
                               ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
                               qemu = base::Fd(pair[0]);
                               connections++;
                               say("greeting;");
                               return base::Fd(pair[1]);
                             });
  }
  void serve() {
    for (int i = 0; i < 10; i++)
      ASSERT_TRUE(loop->run_until(base::Deadline::after(Milliseconds(1))));
  }
  void say(const std::string &text) { ::send(qemu.get(), text.data(), text.size(), 0); }

  std::unique_ptr<base::EventLoop> loop = *base::EventLoop::create();
  fake::Wire wire;
  base::Fd qemu;
  int connections = 0;
  std::unique_ptr<Bridge> bridge;
};

TEST_F(BridgeTest, EachClientIsGreeted) {
  serve();
  EXPECT_EQ(connections, 0);
  wire.client_comes();
  serve();
  EXPECT_EQ(wire.receive(), "greeting;");
  wire.client_goes();
  serve();
  wire.client_comes();
  serve();
  EXPECT_EQ(wire.receive(), "greeting;");
  EXPECT_EQ(connections, 2);
}

TEST_F(BridgeTest, AClientThatComesBackBeforeItsLeavingIsNoticedIsGreetedToo) {
  wire.client_comes();
  serve();
  wire.receive();
  wire.client_goes();
  wire.client_comes();
  serve();
  EXPECT_EQ(connections, 2);
}

TEST_F(BridgeTest, CarriesBytesBothWays) {
  wire.client_comes();
  serve();
  wire.receive();
  wire.send("{\"execute\": \"cont\"}");
  say("{\"return\": {}}");
  serve();
  char text[100];
  EXPECT_EQ(::recv(qemu.get(), text, sizeof text, 0), 19);
  EXPECT_EQ(wire.receive(), "{\"return\": {}}");
}

TEST_F(BridgeTest, ASlowClientGetsEverything) {
  wire.client_comes();
  serve();
  wire.receive();
  std::string sent(50'000, 'x');
  say(sent);
  std::string heard;
  for (int i = 0; i < 50 && heard.size() < sent.size(); i++) {
    serve();
    heard += wire.receive();
  }
  EXPECT_EQ(heard.size(), sent.size());
}

TEST_F(BridgeTest, WhatTheLastClientDidNotReadIsNotGivenToTheNext) {
  wire.client_comes();
  serve();
  wire.receive();
  say("for the first");
  serve();
  wire.client_goes();
  serve();
  wire.client_comes();
  serve();
  EXPECT_EQ(wire.receive(), "greeting;");
}

} // namespace
} // namespace linstub::stub
