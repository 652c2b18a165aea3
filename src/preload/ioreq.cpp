// SPDX-License-Identifier: MIT
// How QEMU waits for its guest's I/O requests: this stands before libxenevtchn, libxenforeignmemory
// and ppoll() of libc, listens to how QEMU sets its I/O request server up, and lets a Waiter wait
// in their place. What has nothing to do with that server goes through to them. close() and dup3()
// are stood before because a kept set must know of them (kept_set.hpp).
//
// QEMU waits in one thread, and sets up in the same (hw/xen/xen-hvm-common.c); its other threads'
// sets of descriptors do not have the device. Without exceptions, RTTI and the C++ library.
#include "preload/kept_set.hpp"
#include "preload/map_cache.hpp"
#include "preload/next.hpp"
#include "preload/waiter.hpp"
#include "preload/xen_functions.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <optional>

namespace linstub::preload {
namespace {

static_assert(sizeof(ioreq_t) == sizeof(IoreqPages::Request) &&
              offsetof(ioreq_t, vp_eport) == offsetof(IoreqPages::Request, port) &&
              offsetof(ioreq_t, type) == offsetof(IoreqPages::Request, state) + 1);
static_assert(STATE_IOREQ_READY == IoreqPages::ready &&
              STATE_IORESP_READY == IoreqPages::response &&
              IOREQ_TYPE_INVALIDATE == IoreqPages::invalidate);
static_assert(offsetof(buffered_iopage_t, read_pointer) == 0 &&
              offsetof(buffered_iopage_t, write_pointer) == sizeof(uint32_t));

struct RealPoll {
  int operator()(pollfd *fds, nfds_t count, const timespec *timeout, const sigset_t *mask) const {
    static const auto real = next<decltype(::ppoll)>("ppoll");
    return real(fds, count, timeout, mask);
  }
};

// That of the thread that waits for the guest's requests.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
constinit KeptSet kept_set{RealPoll()};

class Kernel {
public:
  explicit Kernel(int fd) : fd_(fd) {}

  static int poll(pollfd *fds, nfds_t count, const timespec *timeout, const sigset_t *mask,
                  pollfd *device) {
    return device != nullptr ? kept_set.poll(fds, count, *device, timeout, mask)
                             : RealPoll()(fds, count, timeout, mask);
  }
  ssize_t read(uint32_t *ports, size_t count) const {
    return ::read(fd_, ports, count * sizeof(*ports));
  }
  ssize_t write(const uint32_t *ports, size_t count) const {
    return ::write(fd_, ports, count * sizeof(*ports));
  }
  static void forget_maps() { preload::forget_maps(); }
  static uint64_t now() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    constexpr uint64_t second = 1'000'000'000;
    return static_cast<uint64_t>(time.tv_sec) * second + static_cast<uint64_t>(time.tv_nsec);
  }

private:
  int fd_;
};

// What a sleep and the wake-up after it cost, measured in system calls: three of QEMU's, an
// interrupt, and two changes of the domain that has the CPU, of which each costs as much as several
// of them.
Spin::Nanoseconds cost_of_sleep() {
  constexpr uint64_t calls = 32;
  const uint64_t start = Kernel::now();
  for (uint64_t i = 0; i < calls; i++)
    ::syscall(SYS_getppid);
  return std::clamp<uint64_t>(Kernel::now() - start, 5'000, 2'000'000);
}

// LINSTUB_SPIN is the setting [exit] spin: auto, off or a number of microseconds, checked by
// linstub-dm.
Spin chosen_spin() {
  const char *text = std::getenv("LINSTUB_SPIN");
  if (text == nullptr || *text == '\0')
    return Spin::off();
  if (std::strcmp(text, "auto") == 0)
    return Spin::learned(cost_of_sleep());
  constexpr uint64_t microsecond = 1000;
  const uint64_t time = std::strtoul(text, nullptr, 10);
  return time == 0 ? Spin::off() : Spin::always(time * microsecond);
}

// The server that QEMU has.
struct Server {
  std::optional<IoreqPages> pages;
  xenevtchn_handle *channels = nullptr;
  std::optional<Waiter<Kernel>> waiter;
};
constinit Server server; // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

void pages_mapped(unsigned long first, unsigned long count, void *where) {
  const auto frame = [&](unsigned long number) -> void * {
    return number >= first && number - first < count
               ? static_cast<char *>(where) + (number - first) * page_size
               : nullptr;
  };
  constexpr unsigned long buffered = XENMEM_resource_ioreq_server_frame_bufioreq;
  constexpr unsigned long requests = XENMEM_resource_ioreq_server_frame_ioreq(0);
  if (frame(requests) != nullptr && !server.waiter)
    server.pages.emplace(frame(requests), frame(buffered));
}

void port_bound(xenevtchn_handle *channels, uint32_t remote, int local) {
  if (!server.pages || (server.channels != nullptr && server.channels != channels))
    return;
  if (!server.waiter) {
    const int fd = next<decltype(::xenevtchn_fd)>("xenevtchn_fd")(channels);
    server.channels = channels;
    server.waiter.emplace(Kernel(fd), *server.pages, fd, chosen_spin());
    keep_maps(true);
  }
  server.waiter->add(remote, static_cast<uint32_t>(local));
}

// Xen tells all servers that memory has gone, and a QEMU that waits for its state (awaited.cpp) was
// one of them for a moment: it has mapped none. The virtual CPU waits for the answer.
void answer_early(xenevtchn_handle *channels, uint32_t remote, int local) {
  if (!server.pages)
    return;
  static const auto notify = next<decltype(::xenevtchn_notify)>("xenevtchn_notify");
  const size_t vcpu = server.pages->vcpu_of(remote);
  if (vcpu == IoreqPages::most_vcpus || !server.pages->is_ready(vcpu) ||
      !server.pages->says_memory_went(vcpu))
    return;
  server.pages->answer(vcpu);
  notify(channels, static_cast<evtchn_port_t>(local));
}

bool is_server(const xenevtchn_handle *channels) {
  return server.waiter && server.channels == channels;
}

void end_server() {
  server.waiter.reset();
  keep_maps(false);
}

// A call after which the number may be another file's: its result.
template <class Call>
int replacing(int fd, Call call) {
  kept_set.closing(fd);
  const auto result = static_cast<int>(call());
  kept_set.closing(fd);
  return result;
}

} // namespace
} // namespace linstub::preload

using linstub::preload::next;
using linstub::preload::server;

LINSTUB_EXPORT xenforeignmemory_resource_handle *
xenforeignmemory_map_resource(xenforeignmemory_handle *memory, domid_t domid, unsigned int type,
                              unsigned int id, unsigned long frame, unsigned long count,
                              void **where, int protection, int flags) {
  static const auto real =
      next<decltype(::xenforeignmemory_map_resource)>("xenforeignmemory_map_resource");
  auto *resource = real(memory, domid, type, id, frame, count, where, protection, flags);
  if (resource != nullptr && type == XENMEM_resource_ioreq_server)
    linstub::preload::pages_mapped(frame, count, *where);
  return resource;
}

LINSTUB_EXPORT int xenforeignmemory_unmap_resource(xenforeignmemory_handle *memory,
                                                   xenforeignmemory_resource_handle *resource) {
  static const auto real =
      next<decltype(::xenforeignmemory_unmap_resource)>("xenforeignmemory_unmap_resource");
  linstub::preload::end_server(); // QEMU has one resource, and gives it back when it ends
  server.pages.reset();
  return real(memory, resource);
}

LINSTUB_EXPORT xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *channels,
                                                                    uint32_t domid,
                                                                    evtchn_port_t remote) {
  static const auto real =
      next<decltype(::xenevtchn_bind_interdomain)>("xenevtchn_bind_interdomain");
  const auto local = real(channels, domid, remote);
  if (local > 0) {
    linstub::preload::answer_early(channels, remote, local);
    linstub::preload::port_bound(channels, remote, local);
  }
  return local;
}

LINSTUB_EXPORT int xenevtchn_unbind(xenevtchn_handle *channels, evtchn_port_t port) {
  static const auto real = next<decltype(::xenevtchn_unbind)>("xenevtchn_unbind");
  if (linstub::preload::is_server(channels))
    server.waiter->remove(port);
  return real(channels, port);
}

LINSTUB_EXPORT int xenevtchn_close(xenevtchn_handle *channels) {
  static const auto real = next<decltype(::xenevtchn_close)>("xenevtchn_close");
  if (linstub::preload::is_server(channels))
    linstub::preload::end_server();
  return real(channels);
}

LINSTUB_EXPORT xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *channels) {
  static const auto real = next<decltype(::xenevtchn_pending)>("xenevtchn_pending");
  return linstub::preload::is_server(channels) ? server.waiter->pending() : real(channels);
}

LINSTUB_EXPORT int xenevtchn_unmask(xenevtchn_handle *channels, evtchn_port_t port) {
  static const auto real = next<decltype(::xenevtchn_unmask)>("xenevtchn_unmask");
  return linstub::preload::is_server(channels) ? server.waiter->unmask(port) : real(channels, port);
}

LINSTUB_EXPORT int ppoll(pollfd *fds, nfds_t count, const timespec *timeout, const sigset_t *mask) {
  return server.waiter ? server.waiter->poll(fds, count, timeout, mask)
                       : linstub::preload::RealPoll()(fds, count, timeout, mask);
}

LINSTUB_EXPORT int close(int fd) {
  return linstub::preload::replacing(fd, [=] { return ::syscall(SYS_close, fd); });
}

LINSTUB_EXPORT int dup2(int from, int to) {
  return linstub::preload::replacing(to, [=] { return ::syscall(SYS_dup2, from, to); });
}

LINSTUB_EXPORT int dup3(int from, int to, int flags) {
  return linstub::preload::replacing(to, [=] { return ::syscall(SYS_dup3, from, to, flags); });
}
