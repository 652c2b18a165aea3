// SPDX-License-Identifier: MIT
#include "base/event_loop.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace linstub::base {
namespace {

std::chrono::microseconds cpu_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  using namespace std::chrono;
  return duration_cast<microseconds>(seconds(time.tv_sec) + nanoseconds(time.tv_nsec));
}

} // namespace

void EventLoop::Handle::reset() {
  if (EventLoop *loop = std::exchange(loop_, nullptr))
    loop->remove(id_);
}

Result<std::unique_ptr<EventLoop>> EventLoop::create() {
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll)
    return fail_errno(errno, "make an epoll descriptor");
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(epoll)));
}

EventLoop::~EventLoop() = default;

Result<EventLoop::Handle> EventLoop::watch(int fd, uint32_t events, Ready ready) {
  uint64_t id = next_id_++;
  epoll_event event{.events = events, .data = {.u64 = id}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    return fail_errno(errno, "watch descriptor {}", fd);
  entries_[id] = {.fd = fd, .owned = {}, .ready = std::make_shared<Ready>(std::move(ready))};
  return Handle(this, id);
}

Result<> EventLoop::change(const Handle &handle, uint32_t events) {
  auto entry = entries_.find(handle.id_);
  if (!handle || entry == entries_.end())
    return fail("change a watch that has ended");
  epoll_event event{.events = events, .data = {.u64 = handle.id_}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, entry->second.fd, &event) != 0)
    return fail_errno(errno, "change the watch of descriptor {}", entry->second.fd);
  return {};
}

EventLoop::Handle EventLoop::at(Deadline deadline, Expired expired) {
  uint64_t id = next_id_++;
  timers_[{deadline.when(), id}] = std::move(expired);
  timer_times_[id] = deadline.when();
  return Handle(this, id);
}

Result<EventLoop::Handle> EventLoop::on_signals(std::initializer_list<int> signals,
                                                Signalled signalled) {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : signals)
    sigaddset(&set, signal);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0)
    return fail_errno(errno, "block signals");
  Fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd)
    return fail_errno(errno, "make a signal descriptor");
  int number = fd.get();
  Handle handle = TRY(watch(number, EPOLLIN, [number, signalled = std::move(signalled)](uint32_t) {
    signalfd_siginfo info{};
    if (::read(number, &info, sizeof info) == sizeof info)
      signalled(static_cast<int>(info.ssi_signo));
  }));
  entries_[handle.id_].owned = std::move(fd);
  return handle;
}

void EventLoop::remove(uint64_t id) {
  if (auto time = timer_times_.find(id); time != timer_times_.end()) {
    timers_.erase({time->second, id});
    timer_times_.erase(time);
    return;
  }
  auto entry = entries_.find(id);
  if (entry == entries_.end())
    return;
  // It fails only if the caller closed the descriptor first, which removed it already.
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, entry->second.fd, nullptr);
  entries_.erase(entry);
}

void EventLoop::expire() {
  Clock::time_point now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    auto first = timers_.begin();
    Expired expired = std::move(first->second);
    timer_times_.erase(first->first.second);
    timers_.erase(first);
    expired();
  }
}

Result<> EventLoop::turn(Deadline deadline) {
  if (!timers_.empty())
    deadline = deadline.or_earlier(Deadline(timers_.begin()->first.first));
  constexpr Milliseconds longest{60'000}; // epoll's timeout is an int
  auto left = std::min(deadline.left(), longest);
  std::array<epoll_event, 32> events;
  int count =
      ::epoll_wait(epoll_.get(), events.data(), events.size(), static_cast<int>(left.count()));
  if (count < 0 && errno != EINTR)
    return fail_errno(errno, "wait for events");
  const auto begin = Clock::now();
  const auto cpu = cpu_time();
  for (int i = 0; i < count; i++) {
    const epoll_event &event = events.at(static_cast<size_t>(i));
    const uint64_t id = event.data.u64; // a copy: the kernel's struct is packed
    // An earlier callback of this turn may have ended this registration.
    auto entry = entries_.find(id);
    if (entry == entries_.end())
      continue;
    std::shared_ptr<Ready> ready = entry->second.ready;
    (*ready)(event.events);
  }
  expire();
  const auto time = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
  longest_ = {.time = std::max(longest_.time, time),
              .cpu = std::max(longest_.cpu, cpu_time() - cpu)};
  return {};
}

Result<> EventLoop::run() {
  stopped_ = false;
  while (!stopped_)
    TRY(turn(Deadline(Clock::time_point::max())));
  return {};
}

Result<> EventLoop::run_until(Deadline deadline) {
  stopped_ = false;
  while (!stopped_ && !deadline.passed())
    TRY(turn(deadline));
  return {};
}

} // namespace linstub::base
