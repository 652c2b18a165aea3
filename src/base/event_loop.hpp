// SPDX-License-Identifier: MIT
// EventLoop: waits for descriptors, timers and signals, and calls who asked. One thread.
//
// Every registration is a handle that ends it when destroyed, also from inside its own callback.
// Callbacks run one at a time; they must not block. The loop must outlive its handles.
#pragma once

#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <utility>

namespace linstub::base {

class EventLoop {
public:
  using Ready = std::function<void(uint32_t events)>; // EPOLLIN, EPOLLOUT, EPOLLHUP, ...
  using Expired = std::function<void()>;
  using Signalled = std::function<void(int signal)>;

  // Ends a registration when destroyed.
  class Handle {
  public:
    Handle() = default;
    Handle(Handle &&other) noexcept : loop_(std::exchange(other.loop_, nullptr)), id_(other.id_) {}
    Handle &operator=(Handle &&other) noexcept {
      reset();
      loop_ = std::exchange(other.loop_, nullptr);
      id_ = other.id_;
      return *this;
    }
    Handle(const Handle &) = delete;
    Handle &operator=(const Handle &) = delete;
    ~Handle() { reset(); }

    [[nodiscard]] explicit operator bool() const { return loop_ != nullptr; }
    void reset();

  private:
    friend class EventLoop;
    Handle(EventLoop *loop, uint64_t id) : loop_(loop), id_(id) {}

    EventLoop *loop_ = nullptr;
    uint64_t id_ = 0;
  };

  static Result<std::unique_ptr<EventLoop>> create();
  EventLoop(const EventLoop &) = delete;
  EventLoop &operator=(const EventLoop &) = delete;
  ~EventLoop();

  // Calls `ready` while any of `events` holds (level-triggered). The descriptor stays the caller's
  // and must stay open as long as the handle lives.
  [[nodiscard]] Result<Handle> watch(int fd, uint32_t events, Ready ready);

  // Changes what a watch waits for; 0 pauses it (errors and hang-ups are still reported).
  Result<> change(const Handle &handle, uint32_t events);

  // Calls `expired` once, when `deadline` has passed.
  [[nodiscard]] Handle at(Deadline deadline, Expired expired);

  // Calls `call` once, from the loop, when what runs now has returned: for what would destroy or
  // re-enter its caller.
  [[nodiscard]] Handle soon(Expired call) {
    return at(Deadline::after(Milliseconds::zero()), std::move(call));
  }

  // Calls `signalled` for each of `signals`, which stay blocked for the life of the process:
  // children must unblock them (base::start does).
  [[nodiscard]] Result<Handle> on_signals(std::initializer_list<int> signals, Signalled signalled);

  // Serves until stop() is called. An error means that waiting itself failed.
  Result<> run();

  // Serves what is ready and what becomes ready until `deadline`, or until stop().
  Result<> run_until(Deadline deadline);

  void stop() { stopped_ = true; }

  // The longest turn so far: all callbacks between two waits, in which nobody else is served. By
  // the clock, and by the time of the CPU that it took.
  struct Turn {
    std::chrono::microseconds time{};
    std::chrono::microseconds cpu{};

    bool operator==(const Turn &) const = default;
  };
  [[nodiscard]] const Turn &longest_turn() const { return longest_; }

private:
  struct Entry {
    int fd = -1;                  // -1 for a timer
    Fd owned;                     // the signalfd, for signals
    std::shared_ptr<Ready> ready; // shared: a callback may end its own registration
  };

  explicit EventLoop(Fd epoll) : epoll_(std::move(epoll)) {}
  void remove(uint64_t id);
  Result<> turn(Deadline deadline);
  void expire();

  Fd epoll_;
  uint64_t next_id_ = 1;
  std::map<uint64_t, Entry> entries_;
  std::map<std::pair<Clock::time_point, uint64_t>, Expired> timers_;
  std::map<uint64_t, Clock::time_point> timer_times_;
  bool stopped_ = false;
  Turn longest_;
};

} // namespace linstub::base
