// SPDX-License-Identifier: MIT
#include "dm/monitor.hpp"

#include "base/log.hpp"
#include "dm/life.hpp"
#include "dm/monitor_socket.hpp"

namespace linstub::dm {

Monitor::Monitor(base::EventLoop &loop, Owner owner) : loop_(loop), owner_(std::move(owner)) {
  disconnect();
}

Monitor::~Monitor() = default;

base::Result<std::unique_ptr<Monitor>>
Monitor::open(base::EventLoop &loop, const std::vector<plan::MonitorAddress> &where, Owner owner) {
  std::unique_ptr<Monitor> monitors(new Monitor(loop, std::move(owner)));
  for (const plan::MonitorAddress &one : where)
    monitors->sockets_.push_back(TRY(MonitorSocket::open(loop, *monitors, one)));
  return monitors;
}

// What the current QEMU says counts, and of the next one that it serves or does not.
std::unique_ptr<Conversation> Monitor::conversation() {
  return std::make_unique<Conversation>(
      loop_, Conversation::Owner{.on_ready =
                                     [this](const Conversation &from, qmp::Version version) {
                                       if (&from == qemu_.get())
                                         return serve(version);
                                       next_.version = version;
                                       next_.owner.ready();
                                     },
                                 .on_event =
                                     [this](const Conversation &from, const qmp::Event &event) {
                                       if (&from == qemu_.get())
                                         return spread(event);
                                       next_.owner.said(event);
                                     },
                                 .on_broken =
                                     [this](const Conversation &from, const std::string &why) {
                                       &from == qemu_.get() ? owner_.on_broken(why)
                                                            : next_.owner.broken(why);
                                     }});
}

// It may be what has called us.
void Monitor::forget(std::unique_ptr<Conversation> former) {
  if (!former)
    return;
  former->leave(being_replaced);
  former_.push_back(std::move(former));
  forget_ = loop_.soon([this] { former_.clear(); });
}

base::Result<> Monitor::connect(Channel &channel) { return qemu_->connect(channel); }

void Monitor::disconnect() { forget(std::exchange(qemu_, conversation())); }

base::Result<> Monitor::meet(Channel &channel, NextOwner owner) {
  part();
  next_ = {.qemu = conversation(), .version = std::nullopt, .owner = std::move(owner)};
  return next_.qemu->connect(channel);
} // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks): next_ owns it

void Monitor::change_over() {
  if (!next_.qemu || !next_.version)
    return;
  forget(std::exchange(qemu_, std::move(next_.qemu)));
  serve(*next_.version);
}

void Monitor::part() { forget(std::move(next_.qemu)); }

base::Result<> Monitor::ask_next(std::string_view name, std::string_view arguments,
                                 qmp::ClientSession::Done done) {
  if (!next_.qemu)
    return base::fail("there is no next QEMU");
  return next_.qemu->ask(name, arguments, std::move(done));
}

base::Result<> Monitor::ask(std::string_view name, std::string_view arguments,
                            qmp::ClientSession::Done done) {
  owner_.before_qemu(name, arguments);
  return qemu_->ask(name, arguments, std::move(done));
}

void Monitor::serve(qmp::Version version) {
  base::log_info("QEMU {}.{}.{} answers", version.major, version.minor, version.micro);
  for (auto &socket : sockets_)
    base::log_failure(socket->serve(version).transform_error(base::doing("monitor")));
  owner_.on_ready();
}

void Monitor::spread(const qmp::Event &event) {
  if (base::log_enabled(base::LogLevel::debug) &&
      log_budget_.admits(event.name, base::Clock::now()))
    base::log_debug("QEMU: event {}", event.name);
  owner_.on_event(event);
  // Of a device that QEMU never had it may say so for ever: nobody is asked to do anything for it.
  if (event.name == "DEVICE_DELETED") {
    const std::string id = qmp::data_member(event, "device").value_or("");
    if (taken_.erase(id) != 0)
      owner_.give_back(id);
    owner_.deleted(id);
  }
  if (qmp::passes(event))
    tell_clients(event);
}

void Monitor::tell_clients(const qmp::Event &event) {
  for (auto &socket : sockets_) {
    if (auto session = socket->session().lock()) {
      session->event(event);
      socket->flush();
    }
  }
}

void Monitor::execute(MonitorSocket &socket, const qmp::Command &command) {
  base::log_debug("QMP command {}", command.name);
  auto session = socket.session().lock();
  if (!session) // the answer to a command that came with this one has found that the client is gone
    return;
  const qmp::Rule &rule = qmp::rule_for(command);
  auto execute = [&] {
    // It may have come together with a command before its own.
    base::Fd received = command.name == "add-fd" ? socket.take_received() : base::Fd();
    owner_.execute(command, std::move(received), answer_to(socket, command));
  };
  if (owner_.keeps && owner_.keeps(rule.leaves))
    return execute();
  switch (rule.action) {
  case qmp::Action::answer:
    return execute();
  case qmp::Action::forward:
  case qmp::Action::list_pci:
    return forward(socket, command, rule);
  case qmp::Action::attach:
    return attach(socket, command, rule);
  case qmp::Action::refuse:
    base::log_warning("QMP command {}: {}", command.name, rule.why);
    bool unknown = rule.command.empty();
    return session->fail(command, unknown ? "CommandNotFound" : "GenericError", rule.why);
  }
}

Monitor::Answer Monitor::answer_to(MonitorSocket &socket, const qmp::Command &command) {
  return [&socket, command, client = socket.session()](base::Result<std::string> result) {
    auto session = client.lock();
    if (!session)
      return;
    if (result)
      session->succeed(command, *result);
    else
      session->fail(command, "GenericError", result.error().message());
    socket.flush();
  };
}

void Monitor::attach(MonitorSocket &socket, const qmp::Command &command, const qmp::Rule &rule) {
  std::string id = qmp::string_member(command.arguments, "id").value_or("");
  // What QEMU does not take, or nobody waits for any more, is given back.
  auto after = [this, id](bool succeeded, bool client_there) {
    if (!succeeded)
      return owner_.give_back(id);
    taken_.insert(id);
    owner_.taken(id);
    if (client_there)
      return;
    base::log_warning("who asked for device {} has given up waiting: it is removed again", id);
    auto sent = ask("device_del", base::format(R"({{"id":{}}})", qmp::quoted(id)),
                    [](const qmp::Reply &) {}); // DEVICE_DELETED gives it back
    base::log_failure(sent);
  };
  owner_.attach(command.arguments, [this, &socket, command, &rule, after, id,
                                    client = socket.session()](const base::Result<> &ready) {
    auto session = client.lock();
    if (!session && ready)
      return owner_.give_back(id);
    if (!session)
      return;
    if (ready) {
      // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks): a std::function owns it
      return forward(socket, command, rule, after);
    }
    base::log_failure(ready);
    answer_to(socket, command)(std::unexpected(ready.error()));
  });
}

void Monitor::forward(MonitorSocket &socket, const qmp::Command &command, const qmp::Rule &rule,
                      After after) {
  // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks): as above
  auto done = [this, &socket, command, &rule, after = std::move(after), client = socket.session(),
               answer = answer_to(socket, command)](const qmp::Reply &reply) {
    auto session = client.lock();
    // The human monitor says in words that it has not done it.
    const bool has_done = !reply.failed() && (rule.leaves != qmp::Leaves::link ||
                                              qmp::string_value(reply.result).value_or("").empty());
    if (has_done)
      owner_.changed(command, rule.leaves);
    if (after)
      after(!reply.failed(), session != nullptr);
    if (!session)
      return;
    if (reply.failed()) { // with QEMU's class of error, which libxl looks at
      session->fail(command, reply.error_class, reply.error);
      return socket.flush();
    }
    auto right = qmp::check_shape(reply.result, rule.result);
    if (right && rule.action == qmp::Action::list_pci)
      return owner_.settle(reply.result, [answer, result = reply.result](base::Result<> settled) {
        answer(settled.transform([&] { return result; }));
      });
    if (right)
      return answer(reply.result);
    base::log_error("QEMU's reply to {}: {}", command.name, right.error().message());
    answer(base::fail("QEMU's reply was not fit to be passed on: {}", right.error().message()));
  };
  auto sent =
      rule.leaves == qmp::Leaves::nothing ? base::Result<>() : owner_.may_change(rule.leaves);
  if (sent)
    sent = ask(command.name, command.arguments, done);
  if (!sent)
    done({.error_class = "GenericError", .error = std::move(sent).error().message()});
}

} // namespace linstub::dm
