#include "dm/sockets.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <memory>

namespace linstub::dm {
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
    return base::fail("look up the VNC address {}: {}", host, ::gai_strerror(code));
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

base::Result<base::Fd> listen_unix(const std::string &path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.size() >= sizeof address.sun_path)
    return base::fail("listen on {}: the path is too long", path);
  path.copy(&address.sun_path[0], path.size());
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd)
    return base::fail_errno(errno, "make a socket");
  ::unlink(path.c_str());
  if (::bind(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) != 0 ||
      ::chmod(path.c_str(), 0700) != 0 || ::listen(fd.get(), backlog) != 0)
    return base::fail_errno(errno, "listen on {}", path);
  return fd;
}

base::Result<VncListener> listen_vnc(const VncAddress &address) {
  Addresses list = TRY(resolve(address.host));
  base::Error last("no address");
  for (uint32_t port = address.first_port; port <= address.last_port; port++) {
    auto fd = listen_on(*list, static_cast<uint16_t>(port));
    if (fd)
      return VncListener{.socket = std::move(*fd), .port = static_cast<uint16_t>(port)};
    last = std::move(fd).error();
    if (last.code() != EADDRINUSE)
      break;
  }
  return base::fail("VNC on {}, ports {} to {}: {}", address.host.empty() ? "*" : address.host,
                    address.first_port, address.last_port, last.message());
}

base::Result<base::Fd> accept_client(const base::Fd &listener) {
  base::Fd client(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!client && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
    return base::fail_errno(errno, "accept a client");
  int on = 1; // key presses do not wait for company; fails harmlessly on a unix socket
  if (client)
    ::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return client;
}

} // namespace linstub::dm
