// SPDX-License-Identifier: MIT
#include "sys/tcp_socket.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>

namespace linstub::sys {
namespace {

constexpr int backlog = 8;

struct FreeAddresses {
  void operator()(addrinfo *list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

base::Result<Addresses> resolve(const std::string &host) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_family = host.empty() ? AF_INET : AF_UNSPEC;
  addrinfo *list = nullptr;
  const char *name = host.empty() ? nullptr : host.c_str();
  int code = ::getaddrinfo(name, "0", &hints, &list);
  if (code == EAI_NONAME) { // a name, such as localhost
    hints.ai_flags = AI_PASSIVE;
    code = ::getaddrinfo(name, "0", &hints, &list);
  }
  if (code != 0)
    return base::fail("look up the address {}: {}", host, ::gai_strerror(code));
  return Addresses(list);
}

base::Result<base::Fd> listen_on(const addrinfo &address, uint16_t port) {
  base::Fd fd(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd)
    return base::fail_errno(errno, "make a socket");
  int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.ai_family == AF_INET6) {
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    reinterpret_cast<sockaddr_in6 *>(address.ai_addr)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in *>(address.ai_addr)->sin_port = htons(port);
  }
  if (::bind(fd.get(), address.ai_addr, address.ai_addrlen) != 0 ||
      ::listen(fd.get(), backlog) != 0)
    return base::fail_errno(errno, "listen on port {}", port);
  return fd;
}

} // namespace

base::Result<TcpListener> listen_tcp(const std::string &host, uint16_t first_port,
                                     uint16_t last_port) {
  Addresses list = TRY(resolve(host));
  base::Error last("no address");
  for (uint32_t port = first_port; port <= last_port; port++) {
    auto fd = listen_on(*list, static_cast<uint16_t>(port));
    if (fd)
      return TcpListener{.socket = std::move(*fd), .port = static_cast<uint16_t>(port)};
    last = std::move(fd).error();
    if (last.code() != EADDRINUSE)
      break;
  }
  return base::fail("listen on {}, ports {} to {}: {}", host.empty() ? "*" : host, first_port,
                    last_port, last.message());
}

} // namespace linstub::sys
