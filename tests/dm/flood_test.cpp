// SPDX-License-Identifier: MIT
// A stub domain that never stops talking: what it says is valid, and always there.
#include "base/log.hpp"
#include "dm/channel.hpp"
#include "dm/log_stream.hpp"

#include <gmock/gmock.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstring>
#include <functional>

namespace linstub::dm {
namespace {

using testing::AllOf;
using testing::Gt;
using testing::Lt;

// A ring that is full whenever somebody looks, with all that the credit allows.
class Flood final : public xen::Transport, private wire::Mux::Listener {
public:
  // What a stream says as soon as it may.
  explicit Flood(std::string_view word) : word_(word) { ::eventfd_write(event_.get(), 1); }

  [[nodiscard]] int fd() const override { return event_.get(); }
  void acknowledge() override {} // the next event has come already
  bool accept() override { return false; }
  void discard() override {}
  [[nodiscard]] xen::Vchan::State state() const override { return xen::Vchan::State::open; }

  base::Result<size_t> read(std::span<std::byte> bytes) override {
    while (stream_ != 0 && mux_.output().size() < bytes.size() && mux_.credit(stream_) != 0) {
      const std::string text = word_.substr(0, mux_.credit(stream_));
      mux_.send(stream_, std::as_bytes(std::span(text)));
    }
    const size_t count = std::min(bytes.size(), mux_.output().size());
    std::memcpy(bytes.data(), mux_.output().data(), count);
    mux_.sent(count);
    said += count;
    return count;
  }
  base::Result<size_t> write(std::span<const std::byte> bytes) override {
    if (!listens)
      return size_t{0};
    TRY(mux_.feed(bytes));
    return bytes.size();
  }

  size_t said = 0;
  bool listens = true;

private:
  void on_hello() override {}
  void on_open(wire::StreamId stream, wire::Service, uint8_t) override {
    stream_ = stream;
    mux_.accept(stream, 1000);
  }
  void on_accept(wire::StreamId) override {}
  void on_data(wire::StreamId, std::span<const std::byte>) override {}
  void on_credit(wire::StreamId) override {}
  void on_close(wire::StreamId, std::string_view) override {}

  std::string word_;
  base::Fd event_{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  wire::StreamId stream_ = 0;
  wire::Mux mux_{wire::Side::stub, *this};
};

// One that takes all at once, as VNC's relay to a fast viewer does.
class Eager final : public Channel::Stream {
public:
  void on_accept() override {}
  void on_data(std::span<const std::byte> bytes) override {
    heard += bytes.size();
    channel->consume(stream, bytes.size());
  }
  void on_credit() override {}
  void on_close(std::string_view) override {}
  Channel *channel = nullptr;
  wire::StreamId stream = 0;
  size_t heard = 0;
};

class FloodTest : public testing::Test {
protected:
  void connect(std::string_view word, const std::function<void()> &on_ready) {
    auto transport = std::make_unique<Flood>(word);
    flood = transport.get();
    channel = Channel::create(*loop, std::move(transport),
                              {.on_ready = on_ready,
                               .on_broken = [this](const std::string &why) { broken = why; }})
                  .value();
  }
  void run(int milliseconds) {
    ASSERT_TRUE(loop->run_until(base::Deadline::after(base::Milliseconds(milliseconds))));
  }

  std::unique_ptr<base::EventLoop> loop = base::EventLoop::create().value();
  Flood *flood = nullptr;
  std::unique_ptr<Channel> channel;
  std::string broken;
};

TEST_F(FloodTest, OthersAreServedMeanwhile) {
  Eager eager;
  connect(std::string(997, ' '), [&] {
    eager.channel = channel.get();
    eager.stream = channel->open(wire::Service::vnc, 0, 64 << 10, eager).value();
  });
  int ticks = 0;
  std::function<void()> tick;
  base::EventLoop::Handle timer;
  tick = [&] {
    ticks++;
    timer = loop->at(base::Deadline::after(base::Milliseconds(1)), tick);
  };
  tick();
  run(300); // it would never come back
  EXPECT_EQ(broken, "");
  EXPECT_GT(eager.heard, channel_budget * 2) << "it is heard all the time";
  EXPECT_GT(ticks, 10);
}

TEST_F(FloodTest, WhoDoesNotListenIsNotHeardForLong) {
  Eager eager;
  connect(std::string(997, ' '), [&] {
    eager.channel = channel.get();
    eager.stream = channel->open(wire::Service::vnc, 0, 1000, eager).value();
  });
  run(20);
  flood->listens = false;
  run(50);
  const size_t said = flood->said;
  run(50);
  EXPECT_EQ(flood->said, said);
}

TEST_F(FloodTest, OfALogWithoutEndLittleIsTakenAndLittleIsLogged) {
  size_t logged = 0;
  base::set_log_sink(
      [](void *context, std::string_view line) { *static_cast<size_t *>(context) += line.size(); },
      &logged);
  LogStream log(*loop);
  connect(std::string(100, 'x') + '\n', [&] { EXPECT_TRUE(log.connect(*channel)); });
  run(1000);
  base::set_log_sink(nullptr, nullptr);
  EXPECT_EQ(broken, "");
  EXPECT_THAT(logged, AllOf(Gt(size_t{10'000}), Lt(size_t{200'000})));
  EXPECT_LT(flood->said, size_t{500'000});
  log.disconnect();
}

} // namespace
} // namespace linstub::dm
