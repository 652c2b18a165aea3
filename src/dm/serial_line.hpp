// SPDX-License-Identifier: MIT
// SerialLine: a serial port or a PV console of the guest, as a pty, a file, a socket or a device in
// dom0.
//
// While nobody is connected to a pty or a socket, the newest few KiB that the guest writes are kept
// and shown to who connects next, and the guest is not held up.
#pragma once

#include "base/event_loop.hpp"
#include "dm/channel.hpp"
#include "dm/outbox.hpp"
#include "plan/plan.hpp"

#include <string>

namespace linstub::dm {

// Opens a pty for a port that is to have one, for who needs to know its name before the line is
// opened: its master, not to be inherited by a program, and its name are in the port then.
base::Result<> open_pty(plan::SerialPort &port);

class SerialLine final : public Channel::Stream {
public:
  // Opens dom0's side. The guest's side comes with connect().
  static base::Result<std::unique_ptr<SerialLine>>
  open(base::EventLoop &loop, const plan::SerialPort &port, uint8_t index);
  SerialLine(const SerialLine &) = delete;
  SerialLine &operator=(const SerialLine &) = delete;
  ~SerialLine() override;

  base::Result<> connect(Channel &channel);

  // Leaves the channel; dom0's side stays open, and connect() may come again.
  void disconnect();

  // As QEMU's query-chardev names it: "pty:/dev/pts/3".
  [[nodiscard]] const std::string &filename() const { return filename_; }

private:
  SerialLine(base::EventLoop &loop, plan::SerialPort port, uint8_t index)
      : loop_(loop), port_(std::move(port)), index_(index) {}
  base::Result<> open_port();
  base::Result<> begin_pty();

  void on_accept() override { update(); }
  void on_data(std::span<const std::byte> bytes) override;
  void on_credit() override { update(); }
  void on_close(std::string_view reason) override;

  void look_for_reader(); // of a pty: the kernel tells of an end, but not of a beginning
  void accept();
  void attach();
  void detach();
  void ready(uint32_t events);
  void receive();
  void send();
  void update();

  base::EventLoop &loop_;
  plan::SerialPort port_;
  uint8_t index_;
  std::string filename_;
  Channel *channel_ = nullptr;
  wire::StreamId stream_ = 0;
  base::Fd listener_; // of a socket
  base::Fd fd_;       // pty master, file, client or device
  bool attached_ = false;
  Outbox output_;     // waits to be written, or to be read by who connects
  size_t unread_ = 0; // of output_: given by the stream and not yet consumed
  base::EventLoop::Handle watch_;
  base::EventLoop::Handle listen_watch_;
  base::EventLoop::Handle timer_;
};

} // namespace linstub::dm
