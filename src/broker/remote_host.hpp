// SPDX-License-Identifier: MIT
// RemoteHost: the Host of the device model process: a broker in another process, by way of a
// socket. What the broker says is believed: it is the one with the rights.
#pragma once

#include "base/event_loop.hpp"
#include "broker/host.hpp"
#include "broker/message_socket.hpp"

#include <functional>
#include <map>

namespace linstub::broker {

class RemoteHost final : public Host {
public:
  // `lost` is called, once, when the broker cannot be reached any more. The loop must outlive it.
  RemoteHost(base::EventLoop &loop, MessageSocket socket, std::function<void()> lost)
      : loop_(loop), socket_(std::move(socket)), lost_(std::move(lost)) {}

  // Tells `listener`, which must outlive it, from now on.
  base::Result<> listen(Listener &listener);

  // The device model has come to its end: the last message.
  void finished(const base::Result<> &outcome);

  void create(Which which, std::function<void(base::Result<xen::DomId> stub)> created) override;
  void take_over() override;
  void drop_next() override;
  void remove(Done removed) override;
  void rest_stub() override;
  void wake_stub() override;
  void give_images() override;
  void take_images(Done taken) override;
  void plug_state(std::function<void(base::Result<base::Fd> file)> plugged) override;
  void unplug_state(Done unplugged) override;
  void keep_state(Done kept) override;
  void finish_restore(Done finished) override;
  void insert_medium(Medium medium,
                     std::function<void(base::Result<std::string> vdev)> plugged) override;
  void end_insertion(Insertion how, Done unplugged) override;
  void medium_ejected(const std::string &drive, Done unplugged) override;
  void attach_pci(const std::string &id, const std::string &address, Done ready) override;
  void pci_taken(const std::string &id) override;
  void give_back_pci(const std::string &id) override;
  void settle_pci(const std::vector<std::string> &listed, Done settled) override;
  void cpu_plugged(const std::string &device) override;
  void cpu_unplugged(const std::string &id) override;
  void announce() override;
  void hold_guest(std::function<void(base::Result<uint32_t> pv_nics)> held) override;
  void release_guest() override;
  void end_guest(GuestEnd how) override;
  void reset_guest(std::function<void(base::Result<bool> crashed)> reset) override;
  void crash_guest() override;
  void tell_status(std::string_view phase, const std::string &error) override;
  void tell_upgrade(const run::ControlReply &reply) override;
  void upgrade_done() override;

private:
  // Takes the answer to a request.
  using Answered = std::function<void(base::Result<Message> answer)>;
  void send(const Message &message);
  void ask(Message message, Answered answered);
  void ask_for(Message message, Done done); // an answer that is a success or an error
  void receive();
  void handle(Message message);
  void answered(Message answer);
  void say_alive(uint32_t beat);
  base::Result<std::unique_ptr<xen::Transport>> connect(Message message);
  void lose();

  base::EventLoop &loop_;
  MessageSocket socket_;
  std::function<void()> lost_;
  Listener *listener_ = nullptr;
  uint32_t last_request_ = 0;
  std::map<uint32_t, Answered> waiting_;
  base::EventLoop::Handle watch_;
};

} // namespace linstub::broker
