// SPDX-License-Identifier: MIT
// Monitor: the QMP sockets that libxl and others connect to in dom0, each serving one client at a
// time, and the one conversation with QEMU in the stub domain behind them. What is answered here,
// forwarded or refused stands in qmp/policy.cpp.
#pragma once

#include "base/event_loop.hpp"
#include "dm/channel.hpp"
#include "dm/log_budget.hpp"
#include "dm/paced_credit.hpp"
#include "plan/plan.hpp"
#include "qmp/policy.hpp"
#include "qmp/session.hpp"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace linstub::dm {

class MonitorSocket;

class Monitor final : public Channel::Stream {
public:
  // Takes the result of a command, as JSON, or the error; called once, now or later.
  using Answer = std::function<void(base::Result<std::string> result)>;
  struct Owner {
    // A command that linstub-dm itself does. `received` is a descriptor that came with it, if one
    // did.
    std::function<void(const qmp::Command &command, base::Fd received, Answer answer)> execute;
    // It is about to be asked that; arguments are JSON, as in qmp::Command.
    std::function<void(std::string_view command, std::string_view arguments)> before_qemu;
    // A client asks for what leaves something behind (qmp::Leaves): whether it may, now; and that
    // QEMU has done it. Or QEMU has let go of the device with that id.
    std::function<base::Result<>()> may_change;
    std::function<void(const qmp::Command &command, qmp::Leaves leaves)> changed;
    std::function<void(const std::string &id)> deleted;
    std::function<void()> on_ready;                        // QEMU has greeted
    std::function<void(const std::string &why)> on_broken; // QEMU breaks the protocol
    // PCI devices (pci/pci_devices.hpp): before QEMU is asked to add one, with QMP's arguments;
    // after it has done so, or has let go of the one with that id; and before its list of them is
    // passed on.
    std::function<void(const std::string &arguments, std::function<void(base::Result<>)> done)>
        attach;
    std::function<void(const std::string &id)> taken;
    std::function<void(const std::string &id)> give_back;
    std::function<void(const std::string &listed, std::function<void(base::Result<>)> then)> settle;
  };
  // Opens the sockets. Clients wait until QEMU has greeted.
  static base::Result<std::unique_ptr<Monitor>>
  open(base::EventLoop &loop, const std::vector<plan::MonitorAddress> &where, Owner owner);
  Monitor(const Monitor &) = delete;
  Monitor &operator=(const Monitor &) = delete;
  ~Monitor() override;

  // Starts the conversation with QEMU.
  base::Result<> connect(Channel &channel);

  // Ends it: commands without a reply fail. Clients stay, and connect() may come again.
  void disconnect();

  // Asks QEMU something for linstub-dm itself; `done` as in qmp::ClientSession.
  base::Result<> ask(std::string_view name, std::string_view arguments,
                     qmp::ClientSession::Done done);

private:
  friend class MonitorSocket;
  Monitor(base::EventLoop &loop, Owner owner);

  void on_accept() override { flush(); }
  void on_data(std::span<const std::byte> bytes) override;
  void on_credit() override { flush(); }
  void on_close(std::string_view reason) override;

  void serve(qmp::Version version);
  void spread(const qmp::Event &event);
  void execute(MonitorSocket &socket, const qmp::Command &command);
  static Answer answer_to(MonitorSocket &socket, const qmp::Command &command);
  using After = std::function<void(bool succeeded, bool client_there)>;
  void forward(MonitorSocket &socket, const qmp::Command &command, const qmp::Rule &rule,
               After after = nullptr);
  void attach(MonitorSocket &socket, const qmp::Command &command, const qmp::Rule &rule);
  void flush();

  base::EventLoop &loop_;
  Owner owner_;
  std::unique_ptr<qmp::ClientSession> qemu_;                // always there; anew for each QEMU
  std::vector<std::unique_ptr<qmp::ClientSession>> former_; // until the loop comes round
  base::EventLoop::Handle forget_;
  std::vector<std::unique_ptr<MonitorSocket>> sockets_;
  std::set<std::string> taken_; // ids of the host's PCI devices that QEMU has
  Channel *channel_ = nullptr;
  wire::StreamId stream_ = 0;
  std::string to_qemu_;
  LogBudget log_budget_; // of QEMU's events
  PacedCredit credit_;
};

} // namespace linstub::dm
