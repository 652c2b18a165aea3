// SPDX-License-Identifier: MIT
// PacedCredit: gives a stub domain credit for what it has said on a stream, but no faster than a
// pace: so it can say no more, and cannot keep a CPU of dom0 busy with listening to it.
#pragma once

#include "base/event_loop.hpp"
#include "base/token_bucket.hpp"
#include "dm/channel.hpp"

#include <cstdint>

namespace linstub::dm {

class PacedCredit {
public:
  // Bytes.
  PacedCredit(base::EventLoop &loop, uint64_t burst, uint64_t per_second)
      : loop_(loop), bucket_(burst, per_second) {}

  // For the stream, which was opened just now. The channel must live until stop().
  void start(Channel &channel, wire::StreamId stream);
  void stop();

  // `count` bytes have been dealt with.
  void consume(size_t count);

private:
  void pay();

  base::EventLoop &loop_;
  base::TokenBucket bucket_;
  Channel *channel_ = nullptr;
  wire::StreamId stream_ = 0;
  uint64_t owed_ = 0;
  base::EventLoop::Handle later_;
};

} // namespace linstub::dm
