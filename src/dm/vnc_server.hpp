// SPDX-License-Identifier: MIT
// VncServer: gives each VNC client in dom0 a stream to QEMU's VNC server. dom0 carries bytes and
// understands none of them. With plan::Display::pixels the only client is the display process,
// which serves viewers itself (src/display/): what it is asked for comes from here.
#pragma once

#include "base/event_loop.hpp"
#include "dm/channel.hpp"
#include "dm/relay.hpp"
#include "plan/plan.hpp"

#include <list>
#include <memory>
#include <string_view>

namespace linstub::dm {

class VncServer {
public:
  static constexpr size_t most_clients = 16;

  // Listens, or takes over the link to the display process; clients wait until serve().
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

  // Whether viewers are the display process's: then QEMU is not to know their password.
  [[nodiscard]] bool has_display() const { return address_.display >= 0; }
  base::Result<> set_password(std::string_view password);

private:
  VncServer(base::EventLoop &loop, plan::VncAddress address)
      : loop_(loop), address_(std::move(address)) {}
  base::Result<base::Fd> next_client();
  void accept();

  base::EventLoop &loop_;
  plan::VncAddress address_;
  uint16_t port_ = 0;
  base::Fd listener_; // or the link
  Channel *channel_ = nullptr;
  std::list<std::unique_ptr<Relay>> clients_;
  base::EventLoop::Handle watch_;
};

} // namespace linstub::dm
