// SPDX-License-Identifier: MIT
// Server: gives a device model process that has no rights what it needs of a Broker, by way of a
// socket. It takes that process for hostile: a request is decoded strictly (message.hpp), compared
// with how far the guest is (permissions.hpp), and only then carried out, a few in each turn of the
// event loop. When the process ends, breaks the protocol, or does not give a sign of life, the
// guest crashes, if it has run, and the stub domain is removed.
#pragma once

#include "base/backoff.hpp"
#include "broker/broker.hpp"
#include "broker/message_socket.hpp"
#include "broker/permissions.hpp"

#include <memory>
#include <optional>
#include <set>
#include <string>

namespace linstub::broker {

class Server final : private Listener {
public:
  struct Context {
    base::EventLoop &loop;
    xen::Control &control;
    xen::Xenstore &xenstore;
    plan::Plan &plan;
    run::Status &status;
    std::string stubdom_program; // what is run as linstub-stubdom
    std::function<int()> keeper_pipe;
    // How often the process is asked whether it is alive. (On a busy host it may take its time:
    // see most_missed.)
    base::Milliseconds beat_interval{5'000};
    // How long it has to have the stub domain removed when it is to end.
    base::Milliseconds end_timeout{10'000};
    // How often a suspended guest is looked at, that is to crash when it is resumed.
    base::Milliseconds guest_look{1'000};
    pci::HostPciBus pci_bus;
  };

  // All in the context must outlive it. It stops the loop when all is over.
  static base::Result<std::unique_ptr<Server>> open(const Context &context, manifest::Image image,
                                                    MessageSocket socket);

  // libxl, or somebody else, wants the guest's device model to end.
  void end_asked() { on_end_asked(broker_->why_to_end()); }

  // The guest lives on, and another linstub-dm serves it: what is named by the guest is that one's.
  [[nodiscard]] bool handed_over() const { return end_ == End::hand_over; }

  // No stub domain was made, or it is proved to be gone.
  [[nodiscard]] bool nothing_left() const { return broker_->stage() == Stage::nothing; }

  // What it has come to, after the loop was stopped. An error is the sentence that says why the
  // stub domain could not start or has failed.
  [[nodiscard]] const base::Result<> &outcome() const { return outcome_; }

  // How many requests are served in a turn, and how many may wait for their answers.
  static constexpr size_t most_in_a_turn = 16;
  static constexpr size_t most_waiting = 64;

  // So many questions whether it is alive may be without an answer.
  static constexpr uint32_t most_missed = 6;

private:
  Server(const Context &context, MessageSocket socket)
      : loop_(context.loop), beat_interval_(context.beat_interval),
        end_timeout_(context.end_timeout), guest_look_(context.guest_look),
        socket_(std::move(socket)) {}

  void receive();
  void handle(Message request);
  void carry_out(Message request);
  [[nodiscard]] Facts facts() const;
  void beat();
  void alive(const Message &message);

  void send(const Message &message);
  void answer(uint32_t number, base::Result<Message> answer);
  Done answerer(uint32_t number);
  void finished(base::Result<> outcome);
  void lose(const std::string &why);
  void expect_end();
  void remove(uint32_t number);
  void remove_until_gone();
  [[nodiscard]] bool guest_lives_on() const;
  void stop();

  void on_word(StubWord word) override;
  void on_stub_failed(const std::string &why) override;
  void on_qemu_runs() override;
  void on_stub_gone(const std::string &why) override;
  void on_channel(std::unique_ptr<xen::Transport>) override {} // see connect()
  void on_next_word(StubWord word) override;
  void on_next_failed(const std::string &why) override;
  void on_next_channel(std::unique_ptr<xen::Transport>) override {} // the same
  base::Result<> connect(Which which, xen::DomId stub, const std::string &path);
  void on_medium(const base::Result<> &there) override;
  void on_guest_gone() override;
  void on_renamed(const std::string &name) override;
  void on_end_asked(End why) override;
  void on_upgrade_asked() override;
  void on_reset_asked() override;

  base::EventLoop &loop_;
  base::Milliseconds beat_interval_;
  base::Milliseconds end_timeout_;
  base::Milliseconds guest_look_;
  MessageSocket socket_;
  std::unique_ptr<Broker> broker_;
  std::set<uint32_t> waiting_; // requests without an answer yet
  base::Result<> outcome_;
  std::optional<End> end_; // somebody has asked for it, and why
  bool gone_ = false;      // the guest is
  bool reset_ = false;     // the guest was shut down, by a reset
  bool over_ = false;      // finished, or lost
  bool removed_ = false;   // after it was lost
  base::Backoff pauses_;   // between attempts at a removal
  uint32_t beats_ = 0;
  uint32_t answered_ = 0; // the last of them that it has answered
  base::EventLoop::Handle watch_;
  base::EventLoop::Handle beat_timer_;
  base::EventLoop::Handle end_timer_;
  base::EventLoop::Handle guest_timer_; // all else is over
  base::EventLoop::Handle loss_;        // it is about to be given up
};

} // namespace linstub::broker
