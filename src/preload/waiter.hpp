// SPDX-License-Identifier: MIT
// Waiting for a guest's I/O requests with few system calls.
//
// QEMU sleeps in ppoll() until the event channel device says that a port has an event, reads which
// one, writes the port back to be told of it again, looks at the request, answers it and notifies
// the guest: four system calls, two entries to Xen each in a PV domain. But that a request is
// there, and whose, stands in the pages that Xen shares. So here
//
// - ppoll() looks at the pages before it sleeps, for as long as that pays (spin.hpp), and says that
//   the device is readable when they hold a request;
// - which port, is answered from the pages;
// - a port is written back only when somebody is about to sleep.
//
// A request that follows its answer quickly costs one system call then, the notification.
//
// No event is lost: every port whose event was read is written back before a sleep, and the kernel
// delivers at once what came in the meantime. Nothing else starves: every few requests the other
// descriptors are asked too. A single thread uses it; what it is given as System is called for what
// it does not do itself:
//
//   ppoll(), of a set in which `device` is, or of one that is none of ours, with a null pointer:
//     int poll(pollfd *, nfds_t, const timespec *, const sigset_t *, pollfd *device)
//   read() and write() of the device; the first blocks if there is nothing:
//     ssize_t read(uint32_t *ports, size_t count)
//     ssize_t write(const uint32_t *ports, size_t count)
//   the nanoseconds of a steady clock:
//     uint64_t now()
//   the next request says that memory is not the guest's any more, and waits for an answer:
//     void forget_maps()
#pragma once

#include "preload/ioreq_pages.hpp"
#include "preload/spin.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <cerrno>
#include <csignal>
#include <ctime>

namespace linstub::preload {

template <class System>
class Waiter {
public:
  static constexpr int requests_a_turn = 16; // then the other descriptors are asked

  // `fd` is the event channel device's.
  Waiter(System system, IoreqPages pages, int fd, Spin spin)
      : system_(system), pages_(pages), fd_(fd), spin_(spin) {}

  [[nodiscard]] int fd() const { return fd_; }

  // A port of this domain was bound to Xen's port `remote`: a virtual CPU's, or that of the
  // buffered writes.
  void add(uint32_t remote, uint32_t local) {
    const size_t vcpu = pages_.vcpu_of(remote);
    if (vcpu < IoreqPages::most_vcpus) {
      ports_[vcpu] = local;
      vcpus_ = std::max(vcpus_, vcpu + 1);
    } else if (pages_.has_buffered()) {
      ports_[buffered] = local;
    }
  }

  void remove(uint32_t local) {
    if (const size_t place = find(local); place != nowhere)
      ports_[place] = 0;
  }

  // As ppoll(). A set without the device is none of ours.
  int poll(pollfd *fds, nfds_t count, const timespec *timeout, const sigset_t *mask) {
    pollfd *device = nullptr;
    for (nfds_t i = 0; i < count && device == nullptr; i++)
      device = fds[i].fd == fd_ && (fds[i].events & POLLIN) != 0 ? &fds[i] : nullptr;
    if (device == nullptr)
      return system_.poll(fds, count, timeout, mask, nullptr);
    constexpr timespec at_once{};
    if (turn_ == requests_a_turn) {
      turn_ = 0;
      const int ready = system_.poll(fds, count, &at_once, mask, device);
      if (const int all = ready < 0 ? ready : told(ready, *device); all != 0)
        return all;
    }
    if (look(timeout)) {
      turn_++;
      return only(fds, count, *device);
    }
    turn_ = 0;
    if (timeout == nullptr || !is_zero(*timeout))
      write_back();
    const int ready = system_.poll(fds, count, timeout, mask, device);
    return ready < 0 ? ready : told(ready, *device);
  }

  // The port of the next request, or -1 with errno as EAGAIN.
  int pending() {
    for (size_t i = 0; i < vcpus_; i++) {
      const size_t vcpu = (next_ + i) % vcpus_;
      if (ports_[vcpu] != 0 && pages_.is_ready(vcpu)) {
        next_ = vcpu + 1; // the others come before it again
        if (pages_.says_memory_went(vcpu))
          system_.forget_maps();
        return static_cast<int>(ports_[vcpu]);
      }
    }
    if (is_buffered()) {
      buffered_wanted_ = false; // until it is unmasked
      buffered_event_ = false;
      return static_cast<int>(ports_[buffered]);
    }
    errno = EAGAIN;
    return -1;
  }

  // As xenevtchn_unmask(): 0, or -1 with errno.
  int unmask(uint32_t port) {
    const size_t place = find(port);
    if (place == nowhere)
      return system_.write(&port, 1) == sizeof(port) ? 0 : -1;
    if (place == buffered)
      buffered_wanted_ = true;
    return 0;
  }

private:
  static constexpr size_t buffered = IoreqPages::most_vcpus; // its place among the ports
  static constexpr size_t nowhere = buffered + 1;

  static bool is_zero(const timespec &time) { return time.tv_sec == 0 && time.tv_nsec == 0; }

  // Of the places only those that this guest has are looked at: a guest has few, and this is in the
  // way of each request.
  [[nodiscard]] size_t find(uint32_t port) const {
    if (port == 0)
      return nowhere;
    if (ports_[buffered] == port)
      return buffered;
    const auto *end = ports_.begin() + vcpus_;
    const auto *found = std::find(ports_.begin(), end, port);
    return found == end ? nowhere : static_cast<size_t>(found - ports_.begin());
  }

  [[nodiscard]] bool is_buffered() const {
    return buffered_wanted_ && ports_[buffered] != 0 && (buffered_event_ || pages_.are_buffered());
  }

  [[nodiscard]] bool is_work() const {
    for (size_t vcpu = 0; vcpu < vcpus_; vcpu++) {
      if (ports_[vcpu] != 0 && pages_.is_ready(vcpu))
        return true;
    }
    return is_buffered();
  }

  // Looks until there is work, it no longer pays, or the time is over.
  bool look(const timespec *timeout) {
    if (is_work() || (timeout != nullptr && is_zero(*timeout)))
      return is_work();
    Spin::Nanoseconds budget = spin_.budget();
    if (timeout != nullptr && timeout->tv_sec == 0)
      budget = std::min(budget, static_cast<Spin::Nanoseconds>(timeout->tv_nsec));
    if (budget == 0)
      return false;
    const uint64_t start = system_.now();
    for (;;) {
      if (is_work()) {
        spin_.found(system_.now() - start);
        return true;
      }
      const uint64_t spent = system_.now() - start;
      if (spent >= budget) {
        spin_.missed(spent);
        return false;
      }
      __builtin_ia32_pause();
    }
  }

  // Tells the kernel to deliver the events of all ports that somebody still waits for.
  void write_back() {
    std::array<uint32_t, nowhere> ports{};
    size_t count = 0;
    auto take = [&](size_t place) {
      if (!held_[place])
        return;
      held_[place] = false;
      if (ports_[place] != 0)
        ports[count++] = ports_[place];
    };
    for (size_t vcpu = 0; vcpu < vcpus_; vcpu++)
      take(vcpu);
    if (buffered_wanted_)
      take(buffered);
    if (count > 0)
      system_.write(ports.data(), count);
  }

  // The answer of a real poll, with the device readable exactly if there is work.
  int told(int ready, pollfd &device) {
    if ((device.revents & POLLIN) != 0) {
      read_events();
      ready--;
      device.revents = static_cast<short>(device.revents & ~POLLIN);
      if (device.revents != 0)
        ready++;
    }
    if (!is_work())
      return ready;
    if (device.revents == 0)
      ready++;
    device.revents = static_cast<short>(device.revents | POLLIN);
    return ready;
  }

  void read_events() {
    std::array<uint32_t, nowhere> ports{};
    const ssize_t got = system_.read(ports.data(), ports.size());
    for (size_t i = 0; got > 0 && i < static_cast<size_t>(got) / sizeof(uint32_t); i++) {
      const size_t place = find(ports[i]);
      if (place == nowhere)
        continue;
      held_[place] = true;
      if (place == buffered)
        buffered_event_ = true;
    }
  }

  // Work, and nobody else was asked.
  static int only(pollfd *fds, nfds_t count, pollfd &device) {
    std::for_each(fds, fds + count, [](pollfd &one) { one.revents = 0; });
    device.revents = POLLIN;
    return 1;
  }

  System system_;
  IoreqPages pages_;
  int fd_;
  Spin spin_;
  std::array<uint32_t, nowhere> ports_{}; // of this domain; 0: none
  std::bitset<nowhere> held_;             // the kernel waits for them to be written back
  size_t vcpus_ = 0;
  size_t next_ = 0;
  int turn_ = 0;
  bool buffered_wanted_ = true;
  bool buffered_event_ = false;
};

} // namespace linstub::preload
