// SPDX-License-Identifier: MIT
// The few plain hypercalls of QEMU's, without them. The stub domain's kernel lets QEMU do
// device-model operations and map memory, of its guest only (drivers/xen/privcmd.c, "target"); what
// else libxenctrl would ask of Xen is asked of dom0 in its place, by way of linstub-init
// (wire/guest_call.hpp), if that has left a socket in LINSTUB_CALLS. Else it goes through as it is:
// with PCI devices QEMU needs more, and may more.
#include "preload/map_cache.hpp"
#include "preload/next.hpp"
#include "preload/xen_functions.hpp"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace linstub::preload {
namespace {

// -1: QEMU may ask Xen.
int call_socket() {
  static const char *const text = std::getenv("LINSTUB_CALLS");
  return text == nullptr || *text == '\0' ? -1 : static_cast<int>(std::strtol(text, nullptr, 10));
}

// 0, or -1 with errno, as libxenctrl's functions. It waits for the answer: linstub-init gives one,
// or ends and this process with it.
int ask(const char *text, int length) {
  const int socket = call_socket();
  if (::send(socket, text, static_cast<size_t>(length), MSG_NOSIGNAL) != length)
    return -1;
  std::array<char, 16> answer{};
  ssize_t got = 0;
  do
    got = ::recv(socket, answer.data(), answer.size() - 1, 0);
  while (got < 0 && errno == EINTR);
  if (got <= 0) {
    errno = EIO;
    return -1;
  }
  const int error = static_cast<int>(std::strtol(answer.data(), nullptr, 10));
  errno = error;
  return error == 0 ? 0 : -1;
}

int ask_to_populate(uint64_t first, uint64_t count) {
  std::array<char, 64> text{};
  return ask(text.data(), std::snprintf(text.data(), text.size(), "populate %llu %llu",
                                        static_cast<unsigned long long>(first),
                                        static_cast<unsigned long long>(count)));
}

} // namespace
} // namespace linstub::preload

using linstub::preload::ask;
using linstub::preload::call_socket;
using linstub::preload::next;

LINSTUB_EXPORT int xc_domain_populate_physmap_exact(xc_interface *xen, uint32_t domid,
                                                    unsigned long count, unsigned int order,
                                                    unsigned int flags, xen_pfn_t *frames) {
  static const auto real =
      next<decltype(::xc_domain_populate_physmap_exact)>("xc_domain_populate_physmap_exact");
  linstub::preload::forget_maps();
  if (call_socket() < 0 || order != 0 || flags != 0)
    return real(xen, domid, count, order, flags, frames);
  // Frames that follow each other, as QEMU's do (hw/xen/xen-hvm-common.c, xen_ram_alloc()), are one
  // call.
  for (unsigned long first = 0; first < count;) {
    unsigned long end = first + 1;
    while (end < count && frames[end] == frames[end - 1] + 1)
      end++;
    if (linstub::preload::ask_to_populate(frames[first], end - first) != 0)
      return -1;
    first = end;
  }
  return 0;
}

LINSTUB_EXPORT int xc_set_hvm_param(xc_interface *xen, uint32_t domid, int parameter,
                                    unsigned long value) {
  static const auto real = next<decltype(::xc_set_hvm_param)>("xc_set_hvm_param");
  if (call_socket() < 0 || parameter != HVM_PARAM_ACPI_S_STATE)
    return real(xen, domid, parameter, value);
  std::array<char, 32> text{};
  return ask(text.data(), std::snprintf(text.data(), text.size(), "s-state %lu", value));
}

// libxendevicemodel tries whether the kernel knows device-model operations with one for no domain
// and of no parts, which a kernel that allows them for one domain alone refuses; the library then
// takes the way of plain hypercalls, which it refuses as well. So the trial succeeds here.
LINSTUB_EXPORT int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list rest;
  va_start(rest, request);
  void *argument = va_arg(rest, void *);
  va_end(rest);
  if (request == IOCTL_PRIVCMD_DM_OP && argument != nullptr &&
      static_cast<const privcmd_dm_op *>(argument)->num == 0)
    return 0;
  return static_cast<int>(::syscall(SYS_ioctl, fd, request, argument));
}
