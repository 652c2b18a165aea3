#include "sys/unix_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>

namespace linstub::sys {

base::Result<base::Fd> connect_unix(const std::string &path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return base::fail("connect to {}: the path is too long for a socket", path);
  path.copy(address.sun_path, path.size());
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) != 0)
    return base::fail_errno(errno, "connect to {}", path);
  return fd;
}

} // namespace linstub::sys
