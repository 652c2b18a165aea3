// SPDX-License-Identifier: MIT
#include "sys/uevent.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>

namespace linstub::sys {

base::Result<base::Fd> open_uevents() {
  base::Fd socket(
      ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
  if (!socket)
    return base::fail_errno(errno, "open a uevent socket");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1; // the kernel's own
  if (::bind(socket.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) != 0)
    return base::fail_errno(errno, "bind a uevent socket");
  return socket;
}

void drain_uevents(const base::Fd &socket) {
  std::array<char, 4096> buffer;
  for (;;) {
    ssize_t got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno != EINTR && errno != ENOBUFS)
      return;
  }
}

} // namespace linstub::sys
