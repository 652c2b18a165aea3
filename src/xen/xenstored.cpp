// SPDX-License-Identifier: MIT
#include "xen/xenstored.hpp"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace linstub::xen {
namespace {

constexpr const char *socket_path = "/run/xenstored/socket";
constexpr const char *device_path = "/dev/xen/xenbus";

} // namespace

base::Result<base::Fd> connect_xenstored() {
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ::strcpy(address.sun_path, socket_path);
  if (fd && ::connect(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) == 0)
    return fd;
  return base::open_file(device_path, O_RDWR);
}

} // namespace linstub::xen
