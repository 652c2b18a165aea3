// SPDX-License-Identifier: MIT
// VncServer: accepts VNC clients in dom0 and gives each a stream to QEMU's VNC server. dom0 carries
// bytes and understands none of them.
#pragma once

#include "base/event_loop.hpp"
#include "dm/channel.hpp"
#include "dm/relay.hpp"
#include "plan/plan.hpp"

#include <list>
#include <memory>

namespace linstub::dm {

class VncServer {
public:
  static constexpr size_t most_clients = 16;

  // Listens; clients wait until serve().
  static base::Result<std::unique_ptr<VncServer>> open(base::EventLoop &loop,
                                                       const plan::VncAddress &address);
  VncServer(const VncServer &) = delete;
  VncServer &operator=(const VncServer &) = delete;

  base::Result<> serve(Channel &channel);

  // Drops all clients: their conversation was with a QEMU that is gone. Those that come now wait
  // until serve().
  void pause();

  // As QEMU's query-vnc gives it.
  [[nodiscard]] std::string description() const;

private:
  VncServer(base::EventLoop &loop, plan::VncAddress address)
      : loop_(loop), address_(std::move(address)) {}
  void accept();

  base::EventLoop &loop_;
  plan::VncAddress address_;
  uint16_t port_ = 0;
  base::Fd listener_;
  Channel *channel_ = nullptr;
  std::list<std::unique_ptr<Relay>> clients_;
  base::EventLoop::Handle watch_;
};

} // namespace linstub::dm
