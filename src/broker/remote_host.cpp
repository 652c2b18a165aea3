// SPDX-License-Identifier: MIT
#include "broker/remote_host.hpp"

#include "base/log.hpp"
#include "xen/shared_vchan.hpp"

#include <algorithm>
#include <utility>

namespace linstub::broker {

using base::Result;

Result<> RemoteHost::listen(Listener &listener) {
  listener_ = &listener;
  watch_ = TRY(loop_.watch(socket_.fd().get(), EPOLLIN, [this](uint32_t) { receive(); }));
  return {};
}

// --- Requests ------------------------------------------------------------------------------------

void RemoteHost::send(const Message &message) {
  if (auto sent = socket_.send(message); !sent)
    lose();
}

void RemoteHost::ask(Message message, Answered answered) {
  if (++last_request_ == 0)
    last_request_ = 1;
  message.number = last_request_;
  waiting_[message.number] = std::move(answered);
  send(message);
}

void RemoteHost::ask_for(Message message, Done done) {
  ask(std::move(message), [done = std::move(done)](const Result<Message> &answer) {
    done(answer.transform([](const Message &) {}));
  });
}

void RemoteHost::create(Which which, std::function<void(Result<xen::DomId> stub)> created) {
  ask({.type = Type::create, .value = static_cast<uint32_t>(which)},
      [created = std::move(created)](const Result<Message> &answer) {
        created(answer.transform([](const Message &message) {
          return xen::DomId{static_cast<uint16_t>(message.value)};
        }));
      });
}

void RemoteHost::take_over() { send({.type = Type::take_over}); }

void RemoteHost::drop_next() { send({.type = Type::drop_next}); }

void RemoteHost::remove(Done removed) { ask_for({.type = Type::remove}, std::move(removed)); }

void RemoteHost::rest_stub() { send({.type = Type::rest_stub}); }

void RemoteHost::wake_stub() { send({.type = Type::wake_stub}); }

void RemoteHost::give_images() { send({.type = Type::give_images}); }

void RemoteHost::take_images(Done taken) { ask_for({.type = Type::take_images}, std::move(taken)); }

void RemoteHost::plug_state(std::function<void(Result<base::Fd> file)> plugged) {
  ask({.type = Type::plug_state}, [plugged = std::move(plugged)](Result<Message> answer) {
    if (answer && answer->files.empty())
      return plugged(base::fail("the broker has sent no file"));
    plugged(std::move(answer).transform(
        [](Message message) { return std::move(message.files.front()); }));
  });
}

void RemoteHost::unplug_state(Done unplugged) {
  ask_for({.type = Type::unplug_state}, std::move(unplugged));
}

void RemoteHost::keep_state(Done kept) { ask_for({.type = Type::keep_state}, std::move(kept)); }

void RemoteHost::finish_restore(Done finished) {
  ask_for({.type = Type::finish_restore}, std::move(finished));
}

void RemoteHost::insert_medium(Medium medium,
                               std::function<void(Result<std::string> vdev)> plugged) {
  Message message{.type = Type::insert_medium,
                  .first = std::move(medium.drive),
                  .second = std::move(medium.format)};
  message.files.push_back(std::move(medium.file));
  ask(std::move(message), [plugged = std::move(plugged)](const Result<Message> &answer) {
    plugged(answer.transform([](const Message &one) { return one.first; }));
  });
}

void RemoteHost::end_insertion(Insertion how, Done unplugged) {
  ask_for({.type = Type::end_insertion, .value = static_cast<uint32_t>(how)}, std::move(unplugged));
}

void RemoteHost::medium_ejected(const std::string &drive, Done unplugged) {
  ask_for({.type = Type::medium_ejected, .first = drive}, std::move(unplugged));
}

void RemoteHost::attach_pci(const std::string &id, const std::string &address, Done ready) {
  ask_for({.type = Type::attach_pci, .first = id, .second = address}, std::move(ready));
}

void RemoteHost::give_back_pci(const std::string &id) {
  send({.type = Type::give_back_pci, .first = id});
}

void RemoteHost::pci_taken(const std::string &id) { send({.type = Type::pci_taken, .first = id}); }

void RemoteHost::settle_pci(const std::vector<std::string> &listed, Done settled) {
  std::string ids;
  for (const std::string &id : listed)
    ids.append(id).append("\n");
  ask_for({.type = Type::settle_pci, .first = std::move(ids)}, std::move(settled));
}

void RemoteHost::cpu_plugged(const std::string &device) {
  send({.type = Type::cpu_plugged, .first = device});
}

void RemoteHost::cpu_unplugged(const std::string &id) {
  send({.type = Type::cpu_unplugged, .first = id});
}

void RemoteHost::announce() { send({.type = Type::announce}); }

void RemoteHost::hold_guest(std::function<void(Result<uint32_t> pv_nics)> held) {
  ask({.type = Type::hold_guest}, [held = std::move(held)](const Result<Message> &answer) {
    held(answer.transform([](const Message &message) { return message.value; }));
  });
}

void RemoteHost::reset_guest(std::function<void(Result<bool> crashed)> reset) {
  ask({.type = Type::reset_guest}, [reset = std::move(reset)](const Result<Message> &answer) {
    reset(answer.transform([](const Message &message) { return message.value == 1; }));
  });
}

void RemoteHost::end_guest(GuestEnd how) {
  send({.type = Type::end_guest, .value = static_cast<uint32_t>(how)});
}

void RemoteHost::release_guest() { send({.type = Type::release_guest}); }

void RemoteHost::crash_guest() { send({.type = Type::crash_guest}); }

void RemoteHost::tell_status(std::string_view phase, const std::string &error) {
  const auto *known = std::ranges::find(phases, phase);
  if (known != phases.end())
    send({.type = Type::tell_status,
          .value = static_cast<uint32_t>(known - phases.begin()),
          .second = error});
}

void RemoteHost::tell_upgrade(const run::ControlReply &reply) {
  send({.type = Type::tell_upgrade,
        .value = static_cast<uint32_t>(reply.kind),
        .first = reply.text});
}

void RemoteHost::upgrade_done() { send({.type = Type::upgrade_done}); }

void RemoteHost::finished(const Result<> &outcome) {
  Message message{.type = Type::finished, .value = outcome ? 0U : 1U};
  if (!outcome)
    message.second = outcome.error().message();
  send(message);
}

// --- Events --------------------------------------------------------------------------------------

void RemoteHost::receive() {
  while (watch_) {
    auto message = socket_.receive();
    if (!message) {
      if (message.error().code() != EPIPE)
        base::log_failure(message);
      return lose();
    }
    if (!*message)
      return;
    handle(std::move(**message));
  }
}

void RemoteHost::handle(Message message) {
  switch (message.type) {
  case Type::answer:
    return answered(std::move(message));
  case Type::word:
    return listener_->on_word(static_cast<StubWord>(message.value));
  case Type::stub_failed:
    return listener_->on_stub_failed(message.first);
  case Type::qemu_runs:
    return listener_->on_qemu_runs();
  case Type::stub_gone:
    return listener_->on_stub_gone(message.first);
  case Type::channel:
    if (auto transport = connect(std::move(message)))
      return listener_->on_channel(std::move(*transport));
    else
      return listener_->on_stub_failed(transport.error().message());
  case Type::next_word:
    return listener_->on_next_word(static_cast<StubWord>(message.value));
  case Type::next_failed:
    return listener_->on_next_failed(message.first);
  case Type::next_channel:
    if (auto transport = connect(std::move(message)))
      return listener_->on_next_channel(std::move(*transport));
    else
      return listener_->on_next_failed(transport.error().message());
  case Type::medium:
    return listener_->on_medium(message.second.empty() ? Result<>()
                                                       : base::fail("{}", message.second));
  case Type::guest_gone:
    return listener_->on_guest_gone();
  case Type::renamed:
    return listener_->on_renamed(message.first);
  case Type::end_asked:
    return listener_->on_end_asked(static_cast<End>(message.value));
  case Type::upgrade_asked:
    return listener_->on_upgrade_asked();
  case Type::reset_asked:
    return listener_->on_reset_asked();
  case Type::beat:
    return say_alive(message.value);
  default:
    return;
  }
}

void RemoteHost::say_alive(uint32_t beat) {
  const base::EventLoop::Turn &longest = loop_.longest_turn();
  auto count = [](std::chrono::microseconds time) {
    return static_cast<uint32_t>(std::min<int64_t>(time.count(), UINT32_MAX));
  };
  const Turn turn{.time = count(longest.time), .cpu = count(longest.cpu)};
  send({.type = Type::alive,
        .value = beat,
        .first = std::string(reinterpret_cast<const char *>(&turn), sizeof turn)});
}

void RemoteHost::answered(Message answer) {
  auto waiting = waiting_.extract(answer.number);
  if (waiting.empty())
    return;
  if (answer.second.empty())
    return waiting.mapped()(std::move(answer));
  waiting.mapped()(base::fail("{}", answer.second));
}

Result<std::unique_ptr<xen::Transport>> RemoteHost::connect(Message message) {
  return xen::adopt_vchan({.parts = TRY(xen::VchanParts::decode(message.first)),
                           .grants = std::move(message.files.at(0)),
                           .event = std::move(message.files.at(1))});
}

void RemoteHost::lose() {
  watch_.reset();
  if (auto lost = std::exchange(lost_, {}))
    lost();
}

} // namespace linstub::broker
