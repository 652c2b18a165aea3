// SPDX-License-Identifier: MIT
// A set of descriptors that is waited for again and again, kept by the kernel (epoll(7)).
//
// QEMU's loop asks some fifteen descriptors before each sleep and again after it, and of an exit
// only the event channel device has anything to say: asking the others is a third of what the stub
// domain's kernel does for it. So once the same set has come often enough, all of it but one
// descriptor is watched by an epoll instance, which is asked in place of them. When that has
// something to say, all are asked, and nobody sees a difference.
//
// An epoll instance follows files, not numbers: a number that may get another file is to be told to
// closing(), before and after (in between the set may have been made, of the old file). Should it
// say of one that is gone that it is ready, and nobody is, then it is given up, and made anew
// later.
//
// poll() is for one thread; closing() for all.
#pragma once

#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <ctime>

namespace linstub::preload {

// `Poll` is called as ppoll().
template <class Poll>
class KeptSet {
public:
  static constexpr size_t most = 64;    // descriptors; a larger set is not kept
  static constexpr int highest = 1024;  // that one may be
  static constexpr unsigned often = 64; // times that a set comes before it is worth keeping

  explicit constexpr KeptSet(Poll poll) : poll_(poll) {}

  // As ppoll(). The one is in the set.
  int poll(pollfd *fds, nfds_t count, pollfd &one, const timespec *timeout, const sigset_t *mask) {
    if (!is_kept(fds, count, one))
      return poll_(fds, count, timeout, mask);
    std::array<pollfd, 2> two{{{one.fd, one.events, 0}, {instance_, POLLIN, 0}}};
    const int ready = poll_(two.data(), two.size(), timeout, mask);
    if (ready < 0)
      return ready;
    if (two[1].revents == 0) {
      std::for_each(fds, fds + count, [](pollfd &each) { each.revents = 0; });
      one.revents = two[0].revents;
      return ready;
    }
    constexpr timespec at_once{};
    const int all = poll_(fds, count, &at_once, mask);
    if (all == (one.revents != 0 ? 1 : 0))
      give_up();
    return all;
  }

  // That number is about to be closed, or to become another file; or has just been.
  void closing(int fd) {
    if (fd >= 0 && fd < highest &&
        (numbers_[static_cast<size_t>(fd) / bits].load(std::memory_order_relaxed) & bit(fd)) != 0)
      stale_.store(true, std::memory_order_release);
  }

private:
  static constexpr size_t bits = 64;
  static uint64_t bit(int fd) { return uint64_t{1} << (static_cast<size_t>(fd) % bits); }

  bool is_kept(const pollfd *fds, nfds_t count, const pollfd &one) {
    if (stale_.load(std::memory_order_acquire)) {
      stale_.store(false, std::memory_order_relaxed);
      give_up();
    }
    if (count > most)
      return false;
    if (!is_same(fds, count, one)) {
      give_up();
      std::copy(fds, fds + count, known_.begin());
      count_ = count;
      one_ = one.fd;
      return false;
    }
    return instance_ >= 0 || (++times_ >= often && make());
  }

  [[nodiscard]] bool is_same(const pollfd *fds, nfds_t count, const pollfd &one) const {
    return count == count_ && one.fd == one_ &&
           std::equal(fds, fds + count, known_.begin(), [](const pollfd &a, const pollfd &b) {
             return a.fd == b.fd && a.events == b.events;
           });
  }

  // False: not for this set, as it is.
  bool make() {
    times_ = 0;
    instance_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (instance_ < 0)
      return false;
    const bool all =
        std::all_of(known_.begin(), known_.begin() + count_,
                    [this](const pollfd &each) { return each.fd == one_ || watch(each); });
    if (!all)
      give_up();
    return all;
  }

  // The bits of both calls are the same. A descriptor that cannot be watched (a plain file) or
  // stands there twice is one that poll() has to be asked about.
  bool watch(const pollfd &each) {
    if (each.fd < 0 || each.fd >= highest)
      return false;
    // First this: whoever closes it once it is watched is noticed.
    numbers_[static_cast<size_t>(each.fd) / bits].fetch_or(bit(each.fd));
    epoll_event event{.events = static_cast<uint32_t>(static_cast<uint16_t>(each.events)),
                      .data = {}};
    return ::epoll_ctl(instance_, EPOLL_CTL_ADD, each.fd, &event) == 0;
  }

  void give_up() {
    times_ = 0;
    if (instance_ < 0)
      return;
    for (auto &word : numbers_)
      word.store(0, std::memory_order_relaxed);
    ::syscall(SYS_close, instance_); // not ours, which asks closing()
    instance_ = -1;
  }

  Poll poll_;
  std::array<pollfd, most> known_{}; // the set that came last
  nfds_t count_ = 0;
  int one_ = -1;
  unsigned times_ = 0;
  int instance_ = -1;
  std::array<std::atomic<uint64_t>, highest / bits> numbers_{}; // of the set that is kept
  std::atomic<bool> stale_ = false;
};

} // namespace linstub::preload
