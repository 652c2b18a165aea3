// SPDX-License-Identifier: MIT
#include "dm/channel.hpp"
#include "fake/transport.hpp"
#include "fake/turns.hpp"

#include <gmock/gmock.h>

namespace linstub::dm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using wire::Service;
using wire::StreamId;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}
std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

// linstub-init's end: the same Mux, on the other side of the fake wire.
class Init final : public wire::Mux::Listener {
public:
  explicit Init(fake::Wire &wire) : wire_(wire) {}

  void exchange() {
    std::string text = wire_.receive();
    ASSERT_TRUE(mux.feed(bytes_of(text)));
    if (auto out = mux.output(); !out.empty()) {
      wire_.send(text_of(out));
      mux.sent(out.size());
    }
  }
  void on_hello() override {}
  void on_open(StreamId stream, Service service, uint8_t index) override {
    opened.push_back(base::format("{} {}", static_cast<int>(service), index));
    last = stream;
    if (accepts)
      mux.accept(stream, window);
  }
  void on_accept(StreamId) override {}
  void on_data(StreamId stream, std::span<const std::byte> bytes) override {
    heard += text_of(bytes);
    if (consumes)
      mux.consume(stream, bytes.size());
  }
  void on_credit(StreamId) override {}
  void on_close(StreamId stream, std::string_view) override {
    closed++;
    mux.close(stream);
  }

  bool accepts = true;
  bool consumes = true;
  uint32_t window = 100;
  std::vector<std::string> opened;
  StreamId last = 0;
  std::string heard;
  int closed = 0;

private:
  fake::Wire &wire_;

public:
  wire::Mux mux{wire::Side::stub, *this};
};

class Recorder final : public Channel::Stream {
public:
  void on_accept() override { calls.emplace_back("accept"); }
  void on_data(std::span<const std::byte> bytes) override { calls.push_back(text_of(bytes)); }
  void on_credit() override { calls.emplace_back("credit"); }
  void on_close(std::string_view reason) override {
    calls.push_back(base::format("close {}", reason));
  }
  std::vector<std::string> calls;
};

class ChannelTest : public testing::Test {
protected:
  ChannelTest() {
    wire.client_comes();
    channel = Channel::create(*loop, std::make_unique<fake::Transport>(wire), events()).value();
  }
  Channel::Events events() {
    return {.on_ready = [this] { ready++; },
            .on_broken = [this](const std::string &why) { broken.push_back(why); }};
  }
  void serve(int rounds = 6) {
    for (int i = 0; i < rounds; i++) {
      fake::serve_ready(*loop, 2);
      if (broken.empty() && wire.state == xen::Vchan::State::open)
        init.exchange();
    }
  }
  StreamId open(Service service = Service::vnc) {
    serve();
    StreamId id = channel->open(service, 0, 100, stream).value();
    serve();
    return id;
  }

  std::unique_ptr<base::EventLoop> loop = *base::EventLoop::create();
  fake::Wire wire;
  Init init{wire};
  Recorder stream;
  int ready = 0;
  std::vector<std::string> broken;
  std::unique_ptr<Channel> channel;
};

TEST_F(ChannelTest, OpensNothingBeforeTheStubDomainsHello) {
  auto early = channel->open(Service::qmp, 0, 100, stream);
  ASSERT_FALSE(early);
  EXPECT_THAT(early.error().message(), HasSubstr("has not said hello"));
  EXPECT_EQ(ready, 0);
  serve();
  EXPECT_EQ(ready, 1);
  EXPECT_TRUE(channel->open(Service::serial, 2, 100, stream));
  serve();
  EXPECT_THAT(init.opened, ElementsAre("3 2"));
  EXPECT_THAT(stream.calls, ElementsAre("accept"));
}

TEST_F(ChannelTest, BytesGoBothWaysWithinTheCredit) {
  init.consumes = false;
  StreamId id = open();
  stream.calls.clear();
  EXPECT_EQ(channel->send(id, bytes_of(std::string(150, 'x'))), 100U);
  EXPECT_EQ(channel->credit(id), 0U);
  serve();
  EXPECT_EQ(init.heard, std::string(100, 'x'));
  init.mux.consume(init.last, 100);
  serve();
  EXPECT_EQ(channel->credit(id), 100U);
  EXPECT_THAT(stream.calls, ElementsAre("credit"));
  stream.calls.clear();
  EXPECT_EQ(init.mux.send(init.last, bytes_of(std::string(150, 'y'))), 100U);
  serve();
  EXPECT_THAT(stream.calls, ElementsAre(std::string(100, 'y')));
  EXPECT_EQ(init.mux.credit(init.last), 0U); // until it is consumed
  channel->consume(id, 100);
  serve();
  EXPECT_EQ(init.mux.credit(init.last), 100U);
}

TEST_F(ChannelTest, WhatFindsNoRoomInTheRingGoesWhenThereIsSome) {
  init.window = wire::largest_window;
  StreamId id = open();
  wire.room = 64;
  const std::string text(5000, 'z');
  EXPECT_EQ(channel->send(id, bytes_of(text)), text.size());
  serve(200);
  EXPECT_EQ(init.heard, text);
}

TEST_F(ChannelTest, AStreamThatTheStubDomainClosesIsForgotten) {
  StreamId id = open();
  init.mux.close(init.last, "QEMU has gone");
  serve();
  EXPECT_THAT(stream.calls, ElementsAre("accept", "close QEMU has gone"));
  EXPECT_EQ(channel->send(id, bytes_of("late")), 0U);
  channel->close(id); // no harm
  serve();
  EXPECT_THAT(broken, IsEmpty());
}

TEST_F(ChannelTest, AStreamThatIsClosedHereIsNotCalledAnyMore) {
  StreamId id = open();
  stream.calls.clear();
  init.mux.send(init.last, bytes_of("on its way"));
  channel->close(id);
  serve();
  EXPECT_THAT(stream.calls, IsEmpty());
  EXPECT_EQ(init.closed, 1);
}

TEST_F(ChannelTest, IsBrokenByABreachOfTheProtocolOnceAndFromTheLoop) {
  open();
  wire.send("GET / HTTP/1.0\r\n\r\n");
  serve();
  ASSERT_EQ(broken.size(), 1U);
  EXPECT_THAT(broken[0], HasSubstr("frame"));
  EXPECT_EQ(channel->open(Service::vnc, 0, 100, stream).error().message(),
            "the channel to the stub domain is broken");
  EXPECT_EQ(channel->send(1, bytes_of("x")), 0U);
  serve();
  EXPECT_EQ(broken.size(), 1U);
}

TEST_F(ChannelTest, IsBrokenWhenTheStubDomainHasGoneButNotFromInsideACall) {
  StreamId id = open();
  wire.client_goes();
  channel->send(id, bytes_of("x"));
  EXPECT_THAT(broken, IsEmpty());
  serve();
  EXPECT_EQ(broken.size(), 1U);
}

TEST_F(ChannelTest, ReadsWhatTheStubDomainHasSaidBeforeItWent) {
  open();
  stream.calls.clear();
  init.mux.send(init.last, bytes_of("last words"));
  init.exchange();
  wire.client_goes();
  serve();
  EXPECT_THAT(stream.calls, ElementsAre("last words"));
  EXPECT_EQ(broken.size(), 1U);
}

TEST_F(ChannelTest, CallsNobodyAfterItWasLeft) {
  open();
  stream.calls.clear();
  init.mux.send(init.last, bytes_of("more"));
  init.exchange();
  channel->leave();
  wire.client_goes();
  serve();
  EXPECT_THAT(stream.calls, IsEmpty());
  EXPECT_THAT(broken, IsEmpty());
}

} // namespace
} // namespace linstub::dm
