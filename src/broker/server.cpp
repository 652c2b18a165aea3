// SPDX-License-Identifier: MIT
#include "broker/server.hpp"

#include "base/log.hpp"
#include "xen/shared_vchan.hpp"

#include <cstring>
#include <utility>

namespace linstub::broker {
namespace {

using base::Result;

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (size_t end = 0; (end = text.find('\n')) != std::string_view::npos;) {
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return lines;
}

} // namespace

Result<std::unique_ptr<Server>> Server::open(const Context &context, manifest::Image image,
                                             MessageSocket socket) {
  std::unique_ptr<Server> server(new Server(context, std::move(socket)));
  server->broker_ = TRY(Broker::open(
      {.loop = context.loop,
       .control = context.control,
       .xenstore = context.xenstore,
       .plan = context.plan,
       .status = context.status,
       .stubdom_program = context.stubdom_program,
       .keeper_pipe = context.keeper_pipe,
       .connect =
           [raw = server.get()](Which which, xen::DomId stub, const std::string &path) {
             return raw->connect(which, stub, path);
           },
       .pci_bus = context.pci_bus},
      std::move(image), *server));
  server->watch_ = TRY(context.loop.watch(server->socket_.fd().get(), EPOLLIN,
                                          [raw = server.get()](uint32_t) { raw->receive(); }));
  server->beat();
  return server;
}

void Server::on_end_asked(End why) {
  if (end_)
    return;
  end_ = why;
  send({.type = Type::end_asked, .value = std::to_underlying(why)});
  expect_end();
}

// Whoever waits for the end is not to wait for a process that does not want to come to it. A
// removal has a time limit of its own.
void Server::expect_end() {
  if (over_ || end_timer_)
    return;
  end_timer_ = loop_.at(base::Deadline::after(end_timeout_), [this] {
    end_timer_.reset();
    if (broker_->stage() == Stage::going)
      expect_end();
    else
      lose("it does not end");
  });
}

// A guest does not run on without a device model, whatever this process says.
void Server::remove(uint32_t number) {
  if (guest_lives_on())
    broker_->crash_guest();
  expect_end();
  broker_->remove([this, tell = answerer(number)](const Result<> &removed) {
    end_timer_.reset(); // how long it has from here on
    expect_end();
    tell(removed);
  });
}

// Neither has the toolstack asked for the end of its device model, nor has it ended, as far as is
// known here.
bool Server::guest_lives_on() const {
  return broker_->guest_has_run() && (!end_ || *end_ == End::killed) && !gone_ && !reset_;
}

// A suspended guest crashes no more, but may be resumed, as by libxl after a save that has failed:
// so this one ends when that guest has, or has been made to.
void Server::stop() {
  if (guest_lives_on()) {
    if (broker_->guest_is_suspended()) {
      guest_timer_ = loop_.at(base::Deadline::after(guest_look_), [this] { stop(); });
      return;
    }
    broker_->crash_guest();
  }
  loop_.stop();
}

// A process that is stopped or runs in circles serves nobody, and holds up what libxl asks for.
void Server::beat() {
  if (beats_ - answered_ > most_missed)
    return lose("it has not given a sign of life in time");
  send({.type = Type::beat, .value = ++beats_});
  if (!over_)
    beat_timer_ = loop_.at(base::Deadline::after(beat_interval_), [this] { beat(); });
}

// --- Requests ------------------------------------------------------------------------------------

// What has come beyond a turn's share is still there in the next one.
void Server::receive() {
  for (size_t i = 0; i < most_in_a_turn && !over_; i++) {
    auto message = socket_.receive();
    if (!message)
      return lose(message.error().code() == EPIPE ? "it has ended" : message.error().message());
    if (!*message)
      return;
    handle(std::move(**message));
  }
}

Facts Server::facts() const {
  return {.stage = broker_->stage(),
          .has_run = broker_->guest_has_run(),
          .upgrading = broker_->is_upgrading(),
          .resetting = broker_->is_resetting()};
}

void Server::handle(Message request) {
  switch (permits(request, facts())) {
  case Verdict::allow:
    break;
  case Verdict::refuse:
    if (request.number != 0)
      answer(request.number, base::fail("the stub domain is not ready for that"));
    return;
  case Verdict::violation:
    return lose(base::format("it asks for what cannot be, by message {}",
                             std::to_underlying(request.type)));
  }
  if (request.number != 0 &&
      (waiting_.size() >= most_waiting || !waiting_.insert(request.number).second))
    return lose("it asks for too much at once");
  carry_out(std::move(request));
}

void Server::carry_out(Message request) {
  const uint32_t number = request.number;
  switch (request.type) {
  case Type::create:
    return broker_->create(static_cast<Which>(request.value), [this, number](const auto &stub) {
      answer(number,
             stub.transform([](xen::DomId domid) { return Message{.value = xen::number(domid)}; }));
    });
  case Type::take_over:
    return broker_->take_over();
  case Type::drop_next:
    return broker_->drop_next();
  case Type::remove:
    return remove(number);
  case Type::rest_stub:
    return broker_->rest_stub();
  case Type::wake_stub:
    return broker_->wake_stub();
  case Type::give_images:
    return broker_->give_images();
  case Type::take_images:
    return broker_->take_images(answerer(number));
  case Type::plug_state:
    return broker_->plug_state([this, number](Result<base::Fd> file) {
      answer(number, std::move(file).transform([](base::Fd fd) {
        Message message;
        message.files.push_back(std::move(fd));
        return message;
      }));
    });
  case Type::unplug_state:
    return broker_->unplug_state(answerer(number));
  case Type::keep_state:
    return broker_->keep_state(answerer(number));
  case Type::finish_restore:
    return broker_->finish_restore(answerer(number));
  case Type::insert_medium:
    return broker_->insert_medium({.drive = std::move(request.first),
                                   .format = std::move(request.second),
                                   .file = std::move(request.files.at(0))},
                                  [this, number](const Result<std::string> &vdev) {
                                    answer(number, vdev.transform([](const std::string &name) {
                                      return Message{.first = name};
                                    }));
                                  });
  case Type::end_insertion:
    return broker_->end_insertion(static_cast<Insertion>(request.value), answerer(number));
  case Type::medium_ejected:
    return broker_->medium_ejected(request.first, answerer(number));
  case Type::attach_pci:
    return broker_->attach_pci(request.first, request.second, answerer(number));
  case Type::give_back_pci:
    return broker_->give_back_pci(request.first);
  case Type::pci_taken:
    return broker_->pci_taken(request.first);
  case Type::settle_pci:
    return broker_->settle_pci(lines_of(request.first), answerer(number));
  case Type::cpu_plugged:
    return broker_->cpu_plugged(request.first);
  case Type::cpu_unplugged:
    return broker_->cpu_unplugged(request.first);
  case Type::announce:
    return broker_->announce();
  case Type::hold_guest:
    return broker_->hold_guest([this, number](const Result<uint32_t> &pv_nics) {
      answer(number, pv_nics.transform([](uint32_t nics) { return Message{.value = nics}; }));
    });
  case Type::release_guest:
    return broker_->release_guest();
  case Type::end_guest:
    return broker_->end_guest(static_cast<GuestEnd>(request.value));
  case Type::reset_guest:
    return broker_->reset_guest([this, number](const Result<bool> &crashed) {
      reset_ = reset_ || crashed;
      answer(number, crashed.transform([](bool was) { return Message{.value = was ? 1U : 0U}; }));
    });
  case Type::crash_guest:
    return broker_->crash_guest();
  case Type::tell_status:
    return broker_->tell_status(phases.at(request.value),
                                base::printable(request.second, longest_text));
  case Type::tell_upgrade:
    return broker_->tell_upgrade({.kind = static_cast<run::ControlReply::Kind>(request.value),
                                  .text = base::printable(request.first, longest_text)});
  case Type::upgrade_done:
    return broker_->upgrade_done();
  case Type::finished:
    if (request.value == 0)
      return finished({});
    return finished(base::fail("{}", base::printable(request.second, longest_text)));
  case Type::alive:
    return alive(request);
  default:
    return;
  }
}

void Server::alive(const Message &message) {
  if (message.value > answered_ && message.value <= beats_)
    answered_ = message.value;
  Turn turn;
  if (message.first.size() != sizeof turn)
    return;
  std::memcpy(&turn, message.first.data(), sizeof turn);
  broker_->tell_turn(
      {.time = std::chrono::microseconds(turn.time), .cpu = std::chrono::microseconds(turn.cpu)});
}

// --- Its end -------------------------------------------------------------------------------------

// In an orderly end nothing is left; who says so without having removed its stub domain is not
// believed.
void Server::finished(Result<> outcome) {
  if (broker_->stage() != Stage::nothing)
    return lose("it has ended without an end of its stub domain");
  over_ = true;
  outcome_ = std::move(outcome);
  watch_.reset();
  beat_timer_.reset();
  end_timer_.reset();
  stop();
}

void Server::lose(const std::string &why) {
  if (std::exchange(over_, true))
    return;
  outcome_ = base::fail("the device model process is gone: {}", why);
  base::log_failure(outcome_);
  watch_.reset();
  beat_timer_.reset();
  // One that was handed over is another device model's.
  if (broker_->guest_has_run() && !handed_over())
    broker_->crash_guest();
  broker_->release_guest();
  if (broker_->stage() == Stage::going)
    return broker_->when_removed([this] { remove_until_gone(); });
  remove_until_gone();
}

// It may do what it can to stay. Nobody else would try again.
void Server::remove_until_gone() {
  if (broker_->stage() == Stage::nothing && removed_)
    return stop();
  broker_->remove([this](const Result<> &removed) {
    removed_ = removed.has_value();
    if (removed)
      return stop();
    base::log_failure(removed);
    end_timer_ = loop_.at(base::Deadline::after(pauses_.next()), [this] { remove_until_gone(); });
  });
}

// --- What it is told -----------------------------------------------------------------------------

void Server::send(const Message &message) {
  if (over_)
    return;
  // It does not read: then it is not to be waited for. Not from here: the broker may be in the
  // middle of something.
  if (auto sent = socket_.send(message); !sent)
    loss_ = loop_.soon([this, why = sent.error().message()] { lose(why); });
}

void Server::answer(uint32_t number, Result<Message> answer) {
  waiting_.erase(number);
  Message message;
  if (answer)
    message = std::move(*answer);
  else
    message.second = answer.error().message().empty() ? "no reason" : answer.error().message();
  message.type = Type::answer;
  message.number = number;
  send(message);
}

Done Server::answerer(uint32_t number) {
  return [this, number](const Result<> &done) {
    answer(number, done.transform([] { return Message{}; }));
  };
}

Result<> Server::connect(Which which, xen::DomId stub, const std::string &path) {
  xen::SharedVchan shared = TRY(xen::offer_vchan(stub, path));
  Message message{.type = which == Which::next ? Type::next_channel : Type::channel,
                  .first = shared.parts.encode()};
  message.files.push_back(std::move(shared.grants));
  message.files.push_back(std::move(shared.event));
  send(message);
  return {};
}

void Server::on_word(StubWord word) {
  send({.type = Type::word, .value = std::to_underlying(word)});
}

void Server::on_stub_failed(const std::string &why) {
  send({.type = Type::stub_failed, .first = why});
}

void Server::on_qemu_runs() { send({.type = Type::qemu_runs}); }

void Server::on_stub_gone(const std::string &why) { send({.type = Type::stub_gone, .first = why}); }

void Server::on_next_word(StubWord word) {
  send({.type = Type::next_word, .value = std::to_underlying(word)});
}

void Server::on_next_failed(const std::string &why) {
  send({.type = Type::next_failed, .first = why});
}

void Server::on_medium(const Result<> &there) {
  send({.type = Type::medium, .second = there ? "" : there.error().message()});
}

void Server::on_guest_gone() {
  gone_ = true;
  send({.type = Type::guest_gone});
  expect_end();
}

void Server::on_renamed(const std::string &name) { send({.type = Type::renamed, .first = name}); }

void Server::on_reset_asked() {
  send({.type = Type::reset_asked});
  expect_end();
}

void Server::on_upgrade_asked() { send({.type = Type::upgrade_asked}); }

} // namespace linstub::broker
