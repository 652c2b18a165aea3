// SPDX-License-Identifier: MIT
// GuestServices: what linstub-dm serves in dom0 for a guest, whatever stub domain is behind it:
// monitor sockets, VNC, serial ports, the log. They stay when the stub domain is replaced.
#pragma once

#include "dm/log_stream.hpp"
#include "dm/monitor.hpp"
#include "dm/serial_line.hpp"
#include "dm/vnc_server.hpp"
#include "plan/plan.hpp"

#include <memory>
#include <vector>

namespace linstub::dm {

class GuestServices {
public:
  // Opens all of dom0's side. Clients wait until connect().
  static base::Result<std::unique_ptr<GuestServices>>
  open(base::EventLoop &loop, const plan::Plan &plan, Monitor::Owner owner);

  // Opens the streams to a stub domain. The channel must live until change_over(), or as long as
  // this.
  base::Result<> connect(Channel &channel);

  // The next stub domain, whose QEMU Monitor::meet() has met, is the one from now on.
  base::Result<> change_over(Channel &channel);

  [[nodiscard]] Monitor &monitors() { return *monitors_; }

  // Of VNC: whether QEMU knows nothing of it, and what it is from now on.
  [[nodiscard]] bool keeps_password() const { return vnc_ && vnc_->has_display(); }
  base::Result<> set_password(std::string_view password) { return vnc_->set_password(password); }

  // The results of the QMP commands of the same name, as JSON, as they are true in dom0.
  [[nodiscard]] std::string query_vnc() const;
  [[nodiscard]] std::string query_chardev() const;

private:
  explicit GuestServices(base::EventLoop &loop) : log_(loop) {}
  base::Result<> connect_all_but_monitors(Channel &channel);
  void disconnect_all_but_monitors();

  std::unique_ptr<VncServer> vnc_;
  struct Line {
    std::string label; // of QEMU's chardev
    std::unique_ptr<SerialLine> line;
  };
  std::vector<Line> lines_; // of serial ports and PV consoles
  std::unique_ptr<Monitor> monitors_;
  LogStream log_;
};

} // namespace linstub::dm
