// SPDX-License-Identifier: MIT
#include "qmp/session.hpp"

namespace linstub::qmp {

ServerSession::ServerSession(Version version, Execute execute)
    : execute_(std::move(execute)), output_(greeting(version)) {}

base::Result<> ServerSession::feed(std::span<const std::byte> bytes) {
  for (const std::string &text : TRY(splitter_.feed(bytes))) {
    auto command = parse_command(text);
    if (!command) {
      output_ += failure("GenericError", command.error().message(), {});
    } else if (command->name == "qmp_capabilities") {
      if (negotiated_) {
        fail(*command, "CommandNotFound", "Capabilities negotiation is already complete");
      } else {
        negotiated_ = true;
        succeed(*command, "{}");
      }
    } else if (!negotiated_) {
      fail(*command, "CommandNotFound",
           "Expecting capabilities negotiation with 'qmp_capabilities'");
    } else {
      execute_(*command);
    }
  }
  return {};
}

void ServerSession::succeed(const Command &command, std::string_view result) {
  output_ += success(result, command.id);
}

void ServerSession::fail(const Command &command, std::string_view error_class,
                         std::string_view text) {
  output_ += failure(error_class, text, command.id);
}

void ServerSession::event(const Event &event) {
  if (negotiated_)
    output_.append(event.text).append("\r\n");
}

base::Result<> ClientSession::execute(std::string_view name, std::string_view arguments,
                                      Done done) {
  if (!ready_)
    return base::fail("QEMU's monitor is not ready yet");
  if (pending_.size() >= most_pending)
    return base::fail("QEMU has left {} commands without a reply", pending_.size());
  pending_[++last_id_] = std::move(done);
  output_ += command(name, arguments, last_id_);
  return {};
}

base::Result<> ClientSession::feed(std::span<const std::byte> bytes) {
  for (const std::string &text : TRY(splitter_.feed(bytes))) {
    FromQemu message = TRY(parse_from_qemu(text));
    TRY(receive(message));
  }
  return {};
}

base::Result<> ClientSession::receive(const FromQemu &message) {
  if (const auto *version = std::get_if<Version>(&message)) {
    if (greeted_)
      return base::fail("a second greeting");
    greeted_ = true;
    pending_[++last_id_] = [this, version = *version](const Reply &reply) {
      ready_ = !reply.failed();
      if (ready_)
        listener_.on_ready(version);
    };
    output_ += command("qmp_capabilities", "{}", last_id_);
    return {};
  }
  // Between a client's connection and its greeting QEMU may have an event, and it does when it
  // loads a state (monitor/monitor.c, monitor_qapi_event_emit(): the monitor has no command list
  // yet).
  if (const auto *event = std::get_if<Event>(&message)) {
    if (ready_)
      listener_.on_event(*event);
    return {};
  }
  if (!greeted_)
    return base::fail("a reply before the greeting");
  return receive_reply(std::get<Reply>(message));
}

void ClientSession::abandon(std::string_view why) {
  ready_ = false;
  for (auto &[id, done] : std::exchange(pending_, {}))
    done({.id = id, .result = {}, .error_class = "GenericError", .error = std::string(why)});
}

base::Result<> ClientSession::receive_reply(const Reply &reply) {
  auto found = reply.id ? pending_.find(*reply.id) : pending_.end();
  if (found == pending_.end())
    return base::fail("a reply to nothing that was asked");
  Done done = std::move(found->second);
  pending_.erase(found);
  done(reply);
  return {};
}

} // namespace linstub::qmp
