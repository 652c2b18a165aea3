// SPDX-License-Identifier: MIT
// MonitorSocket: one QMP socket in dom0, and its client.
#pragma once

#include "base/event_loop.hpp"
#include "dm/outbox.hpp"
#include "plan/plan.hpp"
#include "qmp/session.hpp"

#include <deque>
#include <memory>
#include <string>

namespace linstub::dm {

class Monitor;

class MonitorSocket {
public:
  static base::Result<std::unique_ptr<MonitorSocket>> open(base::EventLoop &loop, Monitor &owner,
                                                           const plan::MonitorAddress &where);
  MonitorSocket(const MonitorSocket &) = delete;
  MonitorSocket &operator=(const MonitorSocket &) = delete;
  ~MonitorSocket();

  // Lets clients in, if it has not yet. They are greeted with QEMU's version.
  base::Result<> serve(qmp::Version version);

  // The client that is there now; replies to one that has left meanwhile find nobody.
  [[nodiscard]] std::weak_ptr<qmp::ServerSession> session() const { return session_; }

  // The oldest descriptor that the client has passed and nobody has taken, if there is one.
  base::Fd take_received();

  // Sends what the session has to say.
  void flush();

private:
  MonitorSocket(base::EventLoop &loop, Monitor &owner, plan::MonitorAddress where)
      : loop_(loop), owner_(owner), where_(std::move(where)) {}
  void accept();
  void ready(uint32_t events);
  void receive();
  ssize_t read_message(std::span<std::byte> bytes);
  void drop_client();

  base::EventLoop &loop_;
  Monitor &owner_;
  plan::MonitorAddress where_;
  qmp::Version version_;
  base::Fd listener_;
  base::Fd client_;
  std::shared_ptr<qmp::ServerSession> session_;
  std::deque<base::Fd> received_;
  Outbox output_;
  base::EventLoop::Handle listen_watch_;
  base::EventLoop::Handle client_watch_;
};

} // namespace linstub::dm
