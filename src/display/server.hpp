// SPDX-License-Identifier: MIT
// Server: the display of a guest in dom0. It takes pixels from QEMU's VNC server in the stub
// domain, as long as there is a viewer, and starts a process for each viewer that shows them.
#pragma once

#include "base/backoff.hpp"
#include "base/event_loop.hpp"
#include "base/fd.hpp"
#include "base/token_bucket.hpp"
#include "display/input.hpp"
#include "display/rfb_reader.hpp"
#include "display/screen.hpp"

#include <sys/types.h>

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

namespace linstub::display {

class Server final : public RfbReader::Listener {
public:
  static constexpr size_t most_viewers = 16;
  // Bytes that are taken from QEMU: no stub domain keeps a CPU of dom0 busy with its screen.
  static constexpr uint64_t burst = uint64_t{64} << 20U;
  static constexpr uint64_t per_second = uint64_t{32} << 20U;

  struct Config {
    base::Fd listener;          // of viewers
    base::Fd link;              // to the device model process (link.hpp)
    std::string name;           // of the desktop
    bool authenticated = false; // viewers need the password that comes by the link
    size_t most_bytes = 0;      // of pixels
  };

  // The loop must outlive it; it is stopped when the device model process has ended.
  // `before_viewer` is called in a viewer's process before it reads anything: what fails there ends
  // that process.
  static base::Result<std::unique_ptr<Server>> open(base::EventLoop &loop, Config config,
                                                    std::function<base::Result<>()> before_viewer);
  Server(const Server &) = delete;
  Server &operator=(const Server &) = delete;
  ~Server() override;

private:
  // QEMU's VNC server, or what is to become it.
  struct Source {
    Source(Server &server, size_t most_bytes) : reader(server, most_bytes) {}

    base::Fd socket;
    RfbReader reader;
    bool asked = false;            // for an update that has not come
    bool updated = false;          // since viewers were told
    size_t sizes = 0;              // that it has had in this turn
    base::EventLoop::Handle pause; // until it is read again
    base::EventLoop::Handle watch;
  };
  struct Seen {
    pid_t pid = -1;
    base::Fd input;   // what it does
    base::Fd changed; // what it is told by
    Pressed pressed;
    base::EventLoop::Handle watch;
  };
  using Place = std::list<Seen>::iterator;

  Server(base::EventLoop &loop, Config config, std::function<base::Result<>()> before_viewer)
      : loop_(loop), config_(std::move(config)), before_viewer_(std::move(before_viewer)) {}

  void on_size(Size size) override;
  void on_pixels(uint16_t line, size_t at, std::span<const std::byte> bytes) override;
  void on_update() override;

  base::Result<> connect();
  void reconnect();
  void ready(uint32_t events);
  base::Result<> receive();
  base::Result<> send();
  base::Result<> wait();
  void tell_viewers();
  void lose_source(const std::string &why);
  void hear_link();

  void accept();
  base::Result<> start_viewer(base::Fd client);
  [[noreturn]] void run_viewer(base::Fd client, base::Fd changed, base::Fd input);
  void hear_viewer(Place viewer);
  void remove_viewer(Place viewer);
  void to_qemu(const std::string &bytes);

  base::EventLoop &loop_;
  Config config_;
  std::function<base::Result<>()> before_viewer_;
  std::unique_ptr<Screen> screen_;
  std::optional<std::string> password_;
  std::unique_ptr<Source> source_; // as long as there are viewers
  base::TokenBucket pace_{burst, per_second};
  std::list<Seen> viewers_;
  base::Backoff pauses_;
  base::EventLoop::Handle next_try_;
  base::EventLoop::Handle viewers_watch_;
  base::EventLoop::Handle link_watch_;
  base::EventLoop::Handle children_;
};

} // namespace linstub::display
