// SPDX-License-Identifier: MIT
// Monitor: the QMP sockets that libxl and others connect to in dom0, each serving one client at a
// time, and the conversation with QEMU in the stub domain behind them. What is answered here,
// forwarded or refused stands in qmp/policy.cpp.
#pragma once

#include "base/event_loop.hpp"
#include "dm/conversation.hpp"
#include "dm/log_budget.hpp"
#include "plan/plan.hpp"
#include "qmp/policy.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace linstub::dm {

class MonitorSocket;

class Monitor {
public:
  // Takes the result of a command, as JSON, or the error; called once, now or later.
  using Answer = std::function<void(base::Result<std::string> result)>;
  struct Owner {
    // A command that linstub-dm itself does. `received` is a descriptor that came with it, if one
    // did.
    std::function<void(const qmp::Command &command, base::Fd received, Answer answer)> execute;
    // Whether a command that QEMU could do is linstub-dm's, this time; if there is none: it is not.
    std::function<bool(qmp::Leaves leaves)> keeps;
    // It is about to be asked that; arguments are JSON, as in qmp::Command.
    std::function<void(std::string_view command, std::string_view arguments)> before_qemu;
    // A client asks for what leaves something behind: whether it may, now; and that QEMU has done
    // it. Or QEMU has let go of the device with that id.
    std::function<base::Result<>(qmp::Leaves leaves)> may_change;
    std::function<void(const qmp::Command &command, qmp::Leaves leaves)> changed;
    std::function<void(const std::string &id)> deleted;
    std::function<void(const qmp::Event &event)> on_event; // QEMU has said it
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
  ~Monitor();

  // Starts the conversation with QEMU.
  base::Result<> connect(Channel &channel);

  // Ends it: commands without a reply fail. Clients stay, and connect() may come again.
  void disconnect();

  // Begins a conversation with the next QEMU. Clients notice nothing.
  struct NextOwner {
    std::function<void()> ready; // it has begun to serve
    std::function<void(const qmp::Event &event)> said;
    std::function<void(const std::string &why)> broken;
  };
  base::Result<> meet(Channel &channel, NextOwner owner);

  // The next QEMU is the one from now on, as after connect(); and Owner::on_ready is told. Or it is
  // not.
  void change_over();
  void part();

  // An event of the next QEMU's that clients are to hear.
  void tell_clients(const qmp::Event &event);

  // Asks the next QEMU.
  base::Result<> ask_next(std::string_view name, std::string_view arguments,
                          qmp::ClientSession::Done done);

  // Asks QEMU something for linstub-dm itself; `done` as in qmp::ClientSession.
  base::Result<> ask(std::string_view name, std::string_view arguments,
                     qmp::ClientSession::Done done);

private:
  friend class MonitorSocket;
  Monitor(base::EventLoop &loop, Owner owner);

  void serve(qmp::Version version);
  void spread(const qmp::Event &event);
  void execute(MonitorSocket &socket, const qmp::Command &command);
  static Answer answer_to(MonitorSocket &socket, const qmp::Command &command);
  using After = std::function<void(bool succeeded, bool client_there)>;
  void forward(MonitorSocket &socket, const qmp::Command &command, const qmp::Rule &rule,
               After after = nullptr);
  void attach(MonitorSocket &socket, const qmp::Command &command, const qmp::Rule &rule);
  [[nodiscard]] std::unique_ptr<Conversation> conversation();
  void forget(std::unique_ptr<Conversation> former);

  base::EventLoop &loop_;
  Owner owner_;
  struct Next {
    std::unique_ptr<Conversation> qemu;
    std::optional<qmp::Version> version; // it has begun to serve
    NextOwner owner;
  };
  std::unique_ptr<Conversation> qemu_; // always there; anew for each QEMU
  Next next_;
  std::vector<std::unique_ptr<Conversation>> former_; // until the loop comes round
  base::EventLoop::Handle forget_;
  std::vector<std::unique_ptr<MonitorSocket>> sockets_;
  std::set<std::string> taken_; // ids of the host's PCI devices that QEMU has
  LogBudget log_budget_;        // of QEMU's events
};

} // namespace linstub::dm
