// SPDX-License-Identifier: MIT
// Channel: the stub domain's end of the channel to linstub-dm (wire/frame.hpp): frames over the
// transport, streams to QEMU's sockets and to the log.
#pragma once

#include "base/event_loop.hpp"
#include "stub/log_ring.hpp"
#include "stub/socket_stream.hpp"
#include "stub/state_streams.hpp"
#include "wire/mux.hpp"
#include "xen/transport.hpp"

#include <functional>
#include <map>
#include <memory>
#include <set>

namespace linstub::stub {

class Channel final : private wire::Mux::Listener {
public:
  struct Callbacks {
    std::function<void()> connected;
    // dom0's side is gone, or has broken the protocol (then it says how). Called once; the Channel
    // does nothing any more. It may be destroyed later, not from inside.
    std::function<void(std::string_view why)> gone;
    // Connects to the socket of a service.
    std::function<base::Result<base::Fd>(wire::Service service, uint8_t index)> connect;
    // So many look at the screen now, with those that wait for admit_viewers(): called for each
    // change.
    std::function<void(size_t viewers)> viewers = [](size_t) {};
    // QEMU has answered a command on its monitor: it has begun to serve. Its greeting would be no
    // sign, for that comes from a thread of its own.
    std::function<void()> qemu_talks = [] {};
    // dom0 wants QEMU to end.
    std::function<void()> retire = [] {};
    // QEMU may have the state that is on the state disk.
    std::function<void()> restore = [] {};
    // Where a save goes.
    StateSave::Places save;
  };

  static base::Result<std::unique_ptr<Channel>> create(base::EventLoop &loop,
                                                       std::unique_ptr<xen::Transport> transport,
                                                       const LogRing &log, Callbacks callbacks);

  // New lines stand in the log.
  void log_grew();

  // Connects the viewers that wait to QEMU.
  void admit_viewers();
  [[nodiscard]] bool viewers_wait() const { return !waiting_.empty(); }

private:
  Channel(base::EventLoop &loop, std::unique_ptr<xen::Transport> transport, const LogRing &log,
          Callbacks callbacks);

  void on_hello() override {}
  void on_open(wire::StreamId stream, wire::Service service, uint8_t index) override;
  void on_accept(wire::StreamId) override {}
  void on_data(wire::StreamId stream, std::span<const std::byte> bytes) override;
  void on_credit(wire::StreamId stream) override;
  void on_close(wire::StreamId stream, std::string_view reason) override;

  void ready();
  void pump();
  void write_output();
  void look_for_talk();
  void send_log(wire::StreamId stream, uint64_t &position);
  void connect(wire::StreamId stream, wire::Service service, uint8_t index);
  void forget_viewers_that_left();
  void start_save(wire::StreamId stream);
  void save_ended(wire::StreamId stream, const base::Result<> &result);
  void end(std::string_view why);

  base::EventLoop &loop_;
  std::unique_ptr<xen::Transport> transport_;
  const LogRing &log_;
  Callbacks callbacks_;
  wire::Mux mux_;
  base::EventLoop::Handle watch_;
  std::map<wire::StreamId, std::unique_ptr<SocketStream>> sockets_;
  std::map<wire::StreamId, uint64_t> logs_; // how far each has read
  std::set<wire::StreamId> viewers_;        // of the screen
  std::set<wire::StreamId> waiting_;        // of them, those that are not connected yet
  wire::StreamId monitor_ = 0;              // the first stream to QEMU's monitor, until it talks
  std::unique_ptr<StateSave> save_;         // one at a time
  wire::StreamId save_stream_ = 0;
  bool ended_ = false;
};

} // namespace linstub::stub
