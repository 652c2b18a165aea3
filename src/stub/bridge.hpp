// SPDX-License-Identifier: MIT
// Bridge: libxl's own stub domain mode. The bytes of one client at a time, between the vchan
// device-model/<guest>/qmp-vchan and QEMU's monitor (Xen's docs/misc/stubdom.txt). Each client gets
// a monitor connection of its own, so that it is greeted.
#pragma once

#include "base/event_loop.hpp"
#include "xen/transport.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace linstub::stub {

class Bridge {
public:
  using Connect = std::function<base::Result<base::Fd>()>;

  static base::Result<std::unique_ptr<Bridge>>
  create(base::EventLoop &loop, std::unique_ptr<xen::Transport> transport, Connect connect);

private:
  Bridge(base::EventLoop &loop, std::unique_ptr<xen::Transport> transport, Connect connect)
      : loop_(loop), transport_(std::move(transport)), connect_(std::move(connect)) {}

  void ready();
  void new_client();
  void drop_client();
  void move();
  bool to_socket();
  bool to_transport();
  void watch_socket();

  static constexpr size_t most_held = size_t{16} << 10; // bytes, each way

  base::EventLoop &loop_;
  std::unique_ptr<xen::Transport> transport_;
  Connect connect_;
  base::EventLoop::Handle watch_;
  base::Fd socket_;
  base::EventLoop::Handle socket_watch_;
  std::vector<std::byte> for_socket_;
  std::vector<std::byte> for_transport_;
};

} // namespace linstub::stub
