// SPDX-License-Identifier: MIT
#include "wire/mux.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace linstub::wire {
namespace {

using ::testing::_;
using ::testing::HasSubstr;
using ::testing::SaveArg;

class MockListener : public Mux::Listener {
public:
  MOCK_METHOD(void, on_hello, (), (override));
  MOCK_METHOD(void, on_open, (StreamId, Service, uint8_t), (override));
  MOCK_METHOD(void, on_accept, (StreamId), (override));
  MOCK_METHOD(void, on_credit, (StreamId), (override));
  MOCK_METHOD(void, on_close, (StreamId, std::string_view), (override));
  void on_data(StreamId, std::span<const std::byte> bytes) override {
    received.append(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  }
  std::string received;
};

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// Both sides, joined by a wire that delivers `piece` bytes at a time.
class Channel : public ::testing::Test {
protected:
  base::Result<> deliver(Mux &from, Mux &to, size_t piece = 1000) {
    while (!from.output().empty()) {
      auto part = from.output().first(std::min(piece, from.output().size()));
      std::vector<std::byte> copy(part.begin(), part.end());
      from.sent(copy.size());
      TRY(to.feed(copy));
    }
    return {};
  }

  void deliver_all(size_t piece = 1000) {
    for (int i = 0; i < 4; i++) {
      ASSERT_TRUE(deliver(dom0, stub, piece));
      ASSERT_TRUE(deliver(stub, dom0, piece));
    }
  }

  StreamId open_stream(uint32_t dom0_window = 100, uint32_t stub_window = 100) {
    StreamId there = 0;
    EXPECT_CALL(in_stub, on_open(_, Service::vnc, 0)).WillOnce(SaveArg<0>(&there));
    StreamId here = dom0.open(Service::vnc, 0, dom0_window).value();
    deliver_all();
    EXPECT_EQ(here, there);
    stub.accept(there, stub_window);
    deliver_all();
    return here;
  }

  ::testing::NiceMock<MockListener> in_dom0;
  ::testing::NiceMock<MockListener> in_stub;
  Mux dom0{Side::dom0, in_dom0};
  Mux stub{Side::stub, in_stub};
};

TEST_F(Channel, OpensOnlyAfterHello) {
  EXPECT_FALSE(dom0.open(Service::qmp, 0, 100));
  EXPECT_CALL(in_dom0, on_hello());
  EXPECT_CALL(in_stub, on_hello());
  deliver_all();
  EXPECT_TRUE(dom0.open(Service::qmp, 0, 100));
}

TEST_F(Channel, CarriesBytesBothWaysInPiecesOfAnySize) {
  deliver_all(1);
  StreamId stream = open_stream();
  EXPECT_EQ(dom0.send(stream, as_bytes("request")), 7U);
  EXPECT_EQ(stub.send(stream, as_bytes("reply")), 5U);
  deliver_all(1);
  EXPECT_EQ(in_stub.received, "request");
  EXPECT_EQ(in_dom0.received, "reply");
}

TEST_F(Channel, SendsNoMoreThanTheCredit) {
  deliver_all();
  StreamId stream = open_stream(10, 20);
  EXPECT_EQ(stub.send(stream, as_bytes("0123456789abcdef")), 10U);
  EXPECT_EQ(stub.credit(stream), 0U);
  deliver_all();
  EXPECT_EQ(in_dom0.received, "0123456789");
  EXPECT_CALL(in_stub, on_credit(stream));
  dom0.consume(stream, 10);
  deliver_all();
  EXPECT_EQ(stub.credit(stream), 10U);
}

TEST_F(Channel, LongDataTravelsInSeveralFrames) {
  deliver_all();
  StreamId stream = open_stream(largest_window);
  std::string text(3 * longest_data + 5, 'x');
  EXPECT_EQ(stub.send(stream, as_bytes(text)), text.size());
  deliver_all();
  EXPECT_EQ(in_dom0.received, text);
}

TEST_F(Channel, CloseCarriesTheReason) {
  deliver_all();
  StreamId stream = open_stream();
  EXPECT_CALL(in_dom0, on_close(stream, std::string_view("QEMU has closed")));
  stub.close(stream, "QEMU has closed");
  deliver_all();
  EXPECT_EQ(stub.send(stream, as_bytes("late")), 0U);
  dom0.close(stream);
  deliver_all();
}

TEST_F(Channel, RefusedServiceNeedsNoAccept) {
  deliver_all();
  StreamId there = 0;
  EXPECT_CALL(in_stub, on_open(_, Service::serial, 3)).WillOnce(SaveArg<0>(&there));
  StreamId stream = dom0.open(Service::serial, 3, 100).value();
  deliver_all();
  EXPECT_CALL(in_dom0, on_close(stream, _));
  EXPECT_CALL(in_dom0, on_accept(_)).Times(0);
  stub.close(there, "no such port");
  deliver_all();
}

TEST_F(Channel, DataForAClosedStreamIsDropped) {
  deliver_all();
  StreamId stream = open_stream();
  stub.send(stream, as_bytes("crossing"));
  dom0.close(stream);
  deliver_all();
  EXPECT_EQ(in_dom0.received, "");
}

TEST_F(Channel, StreamsAreBounded) {
  deliver_all();
  for (size_t i = 0; i < most_streams; i++)
    ASSERT_TRUE(dom0.open(Service::vnc, 0, 100));
  EXPECT_FALSE(dom0.open(Service::vnc, 0, 100));
  deliver_all();
}

TEST_F(Channel, ClosedStreamsMakeRoom) {
  deliver_all();
  EXPECT_CALL(in_stub, on_open(_, _, _)).WillRepeatedly([&](StreamId id, Service, uint8_t) {
    stub.close(id, "no");
  });
  EXPECT_CALL(in_dom0, on_close(_, _)).WillRepeatedly([&](StreamId id, std::string_view) {
    dom0.close(id);
  });
  for (size_t i = 0; i < 4 * most_streams; i++) {
    ASSERT_TRUE(dom0.open(Service::vnc, 0, 100));
    deliver_all();
  }
}

// What a hostile stub domain may try; each is the end of the channel.
class Breach : public Channel {
protected:
  std::string error_of(const Header &header, std::string_view payload = {}) {
    HeaderBytes bytes = encode(header);
    EXPECT_TRUE(dom0.feed(bytes) || payload.empty());
    auto result = dom0.feed(as_bytes(payload));
    return result ? "" : result.error().message();
  }
};

TEST_F(Breach, FrameBeforeHello) {
  EXPECT_THAT(error_of({.type = FrameType::credit, .stream = 1, .length = 1}),
              HasSubstr("before hello"));
}

TEST_F(Breach, StubOpensAStream) {
  deliver_all();
  std::string payload("\x01\0\0\0\x64\0\0\0", 8);
  EXPECT_THAT(error_of({.type = FrameType::open, .stream = 1, .length = 8}, payload),
              HasSubstr("opens a stream"));
}

TEST_F(Breach, DataOnAStreamThatIsNotOpen) {
  deliver_all();
  EXPECT_THAT(error_of({.type = FrameType::data, .stream = 9, .length = 1}, "x"),
              HasSubstr("stream 9"));
}

TEST_F(Breach, MoreDataThanCredit) {
  deliver_all();
  StreamId stream = open_stream(4);
  EXPECT_THAT(error_of({.type = FrameType::data, .stream = stream, .length = 5}, "12345"),
              HasSubstr("where 4 are allowed"));
}

TEST_F(Breach, CreditBeyondTheLargestWindow) {
  deliver_all();
  StreamId stream = open_stream(100, largest_window);
  EXPECT_THAT(error_of({.type = FrameType::credit, .stream = stream, .length = 1}),
              HasSubstr("too many"));
}

TEST_F(Breach, EveryLaterCallFailsToo) {
  deliver_all();
  EXPECT_NE(error_of({.type = FrameType::data, .stream = 9, .length = 1}, "x"), "");
  EXPECT_FALSE(dom0.feed({}));
}

TEST_F(Channel, ASideThatDoesNotReadIsGrantedNothingMore) {
  deliver_all();
  StreamId stream = open_stream(100, largest_window);
  const std::string unread(most_unread + 1, 'x');
  ASSERT_EQ(dom0.send(stream, as_bytes(unread)), unread.size());
  const size_t waiting = dom0.output().size();
  stub.send(stream, as_bytes(std::string(100, 'y')));
  ASSERT_TRUE(deliver(stub, dom0));
  dom0.consume(stream, 100);
  EXPECT_EQ(dom0.output().size(), waiting);
  stub.send(stream, as_bytes("z"));
  EXPECT_EQ(stub.credit(stream), 0U);

  ASSERT_TRUE(deliver(dom0, stub)); // it reads, and is granted what was held back
  EXPECT_EQ(stub.credit(stream), 100U);
}

TEST_F(Channel, GrantsNothingForNothing) {
  deliver_all();
  StreamId stream = open_stream(1);
  dom0.consume(stream, 0);
  EXPECT_TRUE(dom0.output().empty());
}

} // namespace
} // namespace linstub::wire
