// SPDX-License-Identifier: MIT
#include "sys/unix_socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>

namespace linstub::sys {
namespace {

constexpr int backlog = 8;

base::Result<sockaddr_un> unix_address(const std::string &path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return base::fail("the path is too long for a socket");
  path.copy(&address.sun_path[0], path.size());
  return address;
}

} // namespace

base::Result<base::Fd> connect_unix(const std::string &path) {
  sockaddr_un address = TRY(unix_address(path).transform_error(base::doing("connect to {}", path)));
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) != 0)
    return base::fail_errno(errno, "connect to {}", path);
  return fd;
}

base::Result<base::Fd> listen_unix(const std::string &path) {
  sockaddr_un address = TRY(unix_address(path).transform_error(base::doing("listen on {}", path)));
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd)
    return base::fail_errno(errno, "make a socket");
  ::unlink(path.c_str());
  // Linux gives the node the mode of the socket, less the umask (net/unix/af_unix.c,
  // unix_bind_bsd): so it is never there with a wider one, and nobody can connect meanwhile.
  if (::fchmod(fd.get(), S_IRWXU) != 0 ||
      ::bind(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), backlog) != 0)
    return base::fail_errno(errno, "listen on {}", path);
  return fd;
}

base::Result<std::pair<base::Fd, base::Fd>> make_socket_pair(int type) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return base::fail_errno(errno, "make a socket pair");
  return std::pair(base::Fd(ends[0]), base::Fd(ends[1]));
}

std::optional<std::pair<uint64_t, uint64_t>> node_at(const std::string &path) {
  struct stat node{};
  if (::lstat(path.c_str(), &node) != 0)
    return std::nullopt;
  return std::pair{node.st_dev, node.st_ino};
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

} // namespace linstub::sys
