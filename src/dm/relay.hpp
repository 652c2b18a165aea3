// SPDX-License-Identifier: MIT
// Relay: carries bytes both ways between a client's socket in dom0 and a stream of the channel.
#pragma once

#include "base/event_loop.hpp"
#include "dm/channel.hpp"
#include "dm/outbox.hpp"

#include <functional>
#include <memory>

namespace linstub::dm {

class Relay final : public Channel::Stream {
public:
  // `ended` is called once, from the event loop, and may destroy the relay.
  static base::Result<std::unique_ptr<Relay>> start(base::EventLoop &loop, Channel &channel,
                                                    base::Fd client, wire::Service service,
                                                    uint8_t index, std::function<void()> ended);
  Relay(const Relay &) = delete;
  Relay &operator=(const Relay &) = delete;
  ~Relay() override;

private:
  Relay(base::EventLoop &loop, Channel &channel, base::Fd client, std::function<void()> ended)
      : loop_(loop), channel_(channel), client_(std::move(client)), ended_(std::move(ended)) {}

  void on_accept() override { update(); }
  void on_data(std::span<const std::byte> bytes) override;
  void on_credit() override { update(); }
  void on_close(std::string_view reason) override;

  void ready(uint32_t events);
  void receive();
  void send();
  void update(); // what to wait for
  void end();

  base::EventLoop &loop_;
  Channel &channel_;
  base::Fd client_;
  std::function<void()> ended_;
  wire::StreamId stream_ = 0;
  bool stream_open_ = false;
  bool over_ = false;
  Outbox output_; // to the client; bounded by the stream's window
  base::EventLoop::Handle watch_;
  base::EventLoop::Handle last_; // calls ended_
};

} // namespace linstub::dm
