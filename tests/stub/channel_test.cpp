// SPDX-License-Identifier: MIT
#include "fake/transport.hpp"
#include "fake/turns.hpp"
#include "stub/channel.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

namespace linstub::stub {
namespace {

using testing::HasSubstr;
using wire::Service;
using wire::StreamId;

// dom0's end: the same Mux, on the other side of the fake wire.
class Dom0 final : public wire::Mux::Listener {
public:
  explicit Dom0(fake::Wire &wire) : wire_(wire) {}

  void exchange() {
    std::string text = wire_.receive();
    ASSERT_TRUE(mux.feed(std::as_bytes(std::span(text))));
    auto out = mux.output();
    if (!out.empty()) {
      wire_.send({reinterpret_cast<const char *>(out.data()), out.size()});
      mux.sent(out.size());
    }
  }
  void on_hello() override { hello = true; }
  void on_open(StreamId, Service, uint8_t) override {}
  void on_accept(StreamId) override { accepted = true; }
  void on_data(StreamId stream, std::span<const std::byte> bytes) override {
    data.append(reinterpret_cast<const char *>(bytes.data()), bytes.size());
    if (consume)
      mux.consume(stream, bytes.size());
  }
  void on_credit(StreamId) override {}
  void on_close(StreamId stream, std::string_view reason) override {
    closed = true;
    why = reason;
    mux.close(stream);
  }

  bool hello = false;
  bool accepted = false;
  bool closed = false;
  bool consume = true;
  std::string why;
  std::string data;

private:
  fake::Wire &wire_;

public:
  wire::Mux mux{wire::Side::dom0, *this};
};

class ChannelTest : public testing::Test {
protected:
  ChannelTest() {
    channel =
        *Channel::create(*loop, std::make_unique<fake::Transport>(wire), log,
                         {.connected = [this] { connected++; },
                          .gone = [this](std::string_view why) { gone = why; },
                          .connect = [this](Service, uint8_t index) -> base::Result<base::Fd> {
                            if (index != 0)
                              return base::fail("no such service");
                            int pair[2];
                            ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
                            qemu = base::Fd(pair[0]);
                            return base::Fd(pair[1]);
                          },
                          .viewers =
                              [this](size_t count) {
                                viewers = count;
                                if (admit)
                                  channel->admit_viewers();
                              }});
  }

  void serve(int rounds = 20) {
    for (int i = 0; i < rounds; i++) {
      fake::serve_ready(*loop, 2);
      if (gone.empty())
        dom0.exchange();
    }
  }
  StreamId open(Service service, uint32_t window = 4096, uint8_t index = 0) {
    wire.client_comes();
    serve();
    StreamId stream = dom0.mux.open(service, index, window).value();
    serve();
    return stream;
  }
  void qemu_says(const std::string &text) {
    ASSERT_EQ(::send(qemu.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  std::string qemu_hears() {
    std::string text(65536, '\0');
    ssize_t got = ::recv(qemu.get(), text.data(), text.size(), MSG_DONTWAIT);
    text.resize(got < 0 ? 0 : static_cast<size_t>(got));
    return text;
  }

  std::unique_ptr<base::EventLoop> loop = *base::EventLoop::create();
  fake::Wire wire;
  LogRing log{4096};
  Dom0 dom0{wire};
  base::Fd qemu;
  int connected = 0;
  size_t viewers = 0;
  bool admit = true;
  std::string gone;
  std::unique_ptr<Channel> channel;
};

TEST_F(ChannelTest, SaysHelloWhenAClientComesNotBefore) {
  serve();
  EXPECT_FALSE(dom0.hello);
  wire.client_comes();
  serve();
  EXPECT_TRUE(dom0.hello);
  EXPECT_EQ(connected, 1);
}

TEST_F(ChannelTest, CarriesBytesBothWays) {
  StreamId stream = open(Service::qmp);
  EXPECT_TRUE(dom0.accepted);
  qemu_says("{\"QMP\": {}}");
  dom0.mux.send(stream, std::as_bytes(std::span("quit", 4)));
  serve();
  EXPECT_EQ(dom0.data, "{\"QMP\": {}}");
  EXPECT_EQ(qemu_hears(), "quit");
}

TEST_F(ChannelTest, TakesNoMoreFromQemuThanDom0HasRoomFor) {
  dom0.consume = false;
  open(Service::vnc, 1000);
  qemu_says(std::string(5000, 'p'));
  serve();
  EXPECT_EQ(dom0.data.size(), 1000U);
}

TEST_F(ChannelTest, CarriesMoreThanAnyBufferHolds) {
  StreamId stream = open(Service::vnc, 4096);
  std::string sent(200'000, '\0');
  for (size_t i = 0; i < sent.size(); i++)
    sent[i] = static_cast<char>(i % 251);
  std::string_view left = sent;
  std::string heard;
  for (int i = 0; i < 500 && heard.size() < sent.size(); i++) {
    auto bytes = std::as_bytes(std::span(left));
    left.remove_prefix(dom0.mux.send(stream, bytes));
    serve(2);
    heard += qemu_hears();
  }
  EXPECT_EQ(heard, sent);
}

TEST_F(ChannelTest, QemuClosingClosesTheStreamOnly) {
  open(Service::vnc);
  qemu.reset();
  serve();
  EXPECT_TRUE(dom0.closed);
  EXPECT_EQ(gone, "");
}

TEST_F(ChannelTest, AViewerWaitsUntilItIsAdmitted) {
  admit = false;
  StreamId first = open(Service::vnc);
  open(Service::vnc);
  EXPECT_EQ(viewers, 2U);
  EXPECT_FALSE(dom0.accepted);
  EXPECT_FALSE(qemu);
  dom0.mux.close(first);
  serve();
  EXPECT_EQ(viewers, 1U) << "one that waits can leave";
  EXPECT_TRUE(channel->viewers_wait());
  channel->admit_viewers();
  serve();
  EXPECT_TRUE(dom0.accepted);
  EXPECT_FALSE(channel->viewers_wait());
  qemu_says("RFB 003.008\n");
  serve();
  EXPECT_EQ(dom0.data, "RFB 003.008\n");
  EXPECT_EQ(viewers, 1U);
  qemu.reset();
  serve();
  EXPECT_EQ(viewers, 0U) << "QEMU has ended it";
}

TEST_F(ChannelTest, Dom0ClosingReachesQemu) {
  StreamId stream = open(Service::vnc);
  dom0.mux.close(stream);
  serve();
  char byte = 0;
  EXPECT_EQ(::recv(qemu.get(), &byte, 1, MSG_DONTWAIT), 0);
}

TEST_F(ChannelTest, AServiceThatIsNotThereIsRefusedWithAReason) {
  open(Service::serial, 4096, 7);
  EXPECT_TRUE(dom0.closed);
  EXPECT_EQ(dom0.why, "no such service");
}

TEST_F(ChannelTest, TheLogIsSentFromItsStartAndThenLive) {
  log.add("before");
  open(Service::log);
  EXPECT_EQ(dom0.data, "before\n");
  log.add("after");
  channel->log_grew();
  serve();
  EXPECT_EQ(dom0.data, "before\nafter\n");
}

TEST_F(ChannelTest, ABreachOfTheProtocolEndsTheChannel) {
  wire.client_comes();
  wire.send("GET / HTTP/1.0\r\n\r\n");
  serve();
  EXPECT_THAT(gone, HasSubstr("frame"));
}

TEST_F(ChannelTest, AClientThatGoesIsNoticed) {
  open(Service::vnc);
  wire.client_goes();
  serve();
  EXPECT_EQ(gone, "dom0 has closed the channel");
}

} // namespace
} // namespace linstub::stub
