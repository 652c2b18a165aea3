// SPDX-License-Identifier: MIT
// The two ways of state between QEMU and the state disk: StateSave from the pipe that QEMU saves to
// onto the disk, StateFeed from the disk into the pipe that QEMU restores from. Both run in the
// event loop, at QEMU's pace, with constant memory.
#pragma once

#include "base/event_loop.hpp"
#include "stub/state_disk.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace linstub::stub {

class StateSave {
public:
  struct Events {
    std::function<void()> ready; // QEMU can be told to save
    std::function<void(const base::Result<> &end)>
        ended; // the state is committed, or why it is not
  };
  struct Places {
    // The block device of the disk that dom0 has plugged; empty if none is there yet. The device
    // may be about to appear.
    std::function<std::string()> disk;
    std::string pipe; // made here, writable for everybody
  };

  // Waits for the disk and makes the pipe. Calls come from the event loop; `ended`, the last one,
  // may destroy the StateSave.
  static std::unique_ptr<StateSave> start(base::EventLoop &loop, Places places, Events events);
  StateSave(const StateSave &) = delete;
  StateSave &operator=(const StateSave &) = delete;
  ~StateSave(); // whatever QEMU still writes fails

private:
  StateSave(base::EventLoop &loop, Places places, Events events)
      : loop_(loop), places_(std::move(places)), events_(std::move(events)) {}
  void open_disk(base::Deadline deadline);
  base::Result<> open_pipe();
  void receive();
  void end(const base::Result<> &result);

  base::EventLoop &loop_;
  Places places_;
  Events events_;
  std::optional<StateWriter> writer_;
  base::Fd pipe_;
  base::EventLoop::Handle watch_;
  base::EventLoop::Handle timer_;
};

class StateFeed {
public:
  // Checks the whole state on the disk before any of it goes into `pipe`, of which QEMU has the
  // other end. `ended` is called once, from the event loop: without an error when QEMU has taken
  // all bytes or has hung up; why it has, it says itself.
  static base::Result<std::unique_ptr<StateFeed>>
  start(base::EventLoop &loop, const std::string &disk, base::Fd pipe, base::Deadline deadline,
        std::function<void(const base::Result<> &end)> ended);
  StateFeed(const StateFeed &) = delete;
  StateFeed &operator=(const StateFeed &) = delete;

private:
  StateFeed(StateReader reader, base::Fd pipe, std::function<void(const base::Result<> &end)> ended)
      : reader_(std::move(reader)), pipe_(std::move(pipe)), ended_(std::move(ended)) {}
  void send();
  void end(const base::Result<> &result);

  StateReader reader_;
  base::Fd pipe_;
  std::function<void(const base::Result<> &end)> ended_;
  std::span<const std::byte> pending_;
  base::EventLoop::Handle watch_;
};

} // namespace linstub::stub
