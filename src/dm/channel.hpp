// SPDX-License-Identifier: MIT
// Channel: linstub-dm's end of the channel to linstub-init (wire/frame.hpp): frames over the
// transport that the stub domain serves, and in them streams.
#pragma once

#include "base/event_loop.hpp"
#include "wire/mux.hpp"
#include "xen/transport.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace linstub::dm {

// What is taken from a stub domain in one turn of the event loop, in bytes: one that never stops
// talking is heard piece by piece, and all else comes in between.
constexpr size_t channel_budget = size_t{64} << 10;

class Channel : private wire::Mux::Listener {
public:
  // The end of a stream in dom0. Calls come from the event loop.
  class Stream {
  public:
    virtual ~Stream() = default;
    virtual void on_accept() = 0;
    // Call Channel::consume when the bytes have left your buffers.
    virtual void on_data(std::span<const std::byte> bytes) = 0;
    virtual void on_credit() = 0;
    // The stream has ended; the channel has forgotten it. `reason` is the stub domain's.
    virtual void on_close(std::string_view reason) = 0;
  };
  struct Events {
    std::function<void()> on_ready;                        // streams may be opened
    std::function<void(const std::string &why)> on_broken; // for good; called once, from the loop
  };

  // Over a transport that is connected.
  static base::Result<std::unique_ptr<Channel>>
  create(base::EventLoop &loop, std::unique_ptr<xen::Transport> transport, Events events);

  // `stream` must live until on_close or close().
  base::Result<wire::StreamId> open(wire::Service service, uint8_t index, uint32_t window,
                                    Stream &stream);
  // Takes as much as the credit allows.
  size_t send(wire::StreamId id, std::span<const std::byte> bytes);
  [[nodiscard]] size_t credit(wire::StreamId id) const { return mux_.credit(id); }
  void consume(wire::StreamId id, size_t count);
  void close(wire::StreamId id);

  // Calls nobody any more. For a stub domain that is about to be removed.
  void leave();

private:
  Channel(base::EventLoop &loop, std::unique_ptr<xen::Transport> transport, Events events)
      : loop_(loop), transport_(std::move(transport)), events_(std::move(events)) {}

  void on_hello() override;
  void on_open(wire::StreamId, wire::Service, uint8_t) override {}
  void on_accept(wire::StreamId id) override;
  void on_data(wire::StreamId id, std::span<const std::byte> bytes) override;
  void on_credit(wire::StreamId id) override;
  void on_close(wire::StreamId id, std::string_view reason) override;

  void receive();
  void take();
  void flush();
  void broken(const std::string &why);
  Stream *find(wire::StreamId id);

  base::EventLoop &loop_;
  std::unique_ptr<xen::Transport> transport_;
  Events events_;
  wire::Mux mux_{wire::Side::dom0, *this};
  std::map<wire::StreamId, Stream *> streams_;
  bool broken_ = false;
  base::EventLoop::Handle watch_;
  base::EventLoop::Handle rest_; // of what was there when a turn's budget was used up
  base::EventLoop::Handle report_;
};

} // namespace linstub::dm
