#include "xen/watches.hpp"

#include "base/log.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace linstub::xen {
namespace {

constexpr const char *daemon_socket = "/run/xenstored/socket";
constexpr const char *device = "/dev/xen/xenbus";

struct Header { // xsd_sockmsg of xen/io/xs_wire.h, in the machine's byte order
  uint32_t type = 0;
  uint32_t request = 0;
  uint32_t transaction = 0;
  uint32_t length = 0;
};
static_assert(sizeof(Header) == 16);

constexpr uint32_t watch_request = 4;   // XS_WATCH
constexpr uint32_t unwatch_request = 5; // XS_UNWATCH
constexpr uint32_t watch_event = 15;    // XS_WATCH_EVENT
constexpr uint32_t error_reply = 16;    // XS_ERROR
constexpr size_t longest_body = 4096;   // XENSTORE_PAYLOAD_MAX

base::Fd connect_daemon() {
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  ::strncpy(&address.sun_path[0], daemon_socket, sizeof address.sun_path - 1);
  if (fd && ::connect(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) != 0)
    fd.reset();
  return fd;
}

} // namespace

base::Result<Watches> Watches::connect() {
  base::Fd fd = connect_daemon();
  if (!fd)
    fd = TRY(base::open_file(device, O_RDWR).transform_error(base::doing("connect to xenstore")));
  TRY(base::set_nonblocking(fd));
  return Watches(std::move(fd));
}

base::Result<> Watches::add(const std::string &path, const std::string &token) {
  return request(watch_request, path, token);
}

base::Result<> Watches::remove(const std::string &path, const std::string &token) {
  return request(unwatch_request, path, token);
}

base::Result<> Watches::request(uint32_t type, const std::string &path, const std::string &token) {
  Header header{.type = type, .length = static_cast<uint32_t>(path.size() + token.size() + 2)};
  std::string message(sizeof header, '\0');
  std::memcpy(message.data(), &header, sizeof header);
  message.append(path).push_back('\0');
  message.append(token).push_back('\0');
  return base::write_all(fd_, message).transform_error(base::doing("watch xenstore node {}", path));
}

base::Result<bool> Watches::read_more() {
  std::array<std::byte, 4096> buffer;
  ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return false;
  if (got < 0)
    return base::fail_errno(errno, "read xenstore events");
  if (got == 0)
    return base::fail("read xenstore events: xenstored has hung up");
  input_.insert(input_.end(), buffer.begin(), buffer.begin() + got);
  return true;
}

base::Result<std::optional<WatchEvent>> Watches::next() {
  for (;;) {
    auto event = TRY(take());
    if (event || !TRY(read_more()))
      return event;
  }
}

base::Result<std::optional<WatchEvent>> Watches::take() {
  Header header;
  while (input_.size() >= sizeof header) {
    std::memcpy(&header, input_.data(), sizeof header);
    if (header.length > longest_body)
      return base::fail("read xenstore events: a message of {} bytes", header.length);
    size_t size = sizeof header + header.length;
    if (input_.size() < size)
      return std::nullopt;
    std::string body(reinterpret_cast<const char *>(input_.data()) + sizeof header, header.length);
    input_.erase(input_.begin(), input_.begin() + static_cast<ptrdiff_t>(size));
    if (header.type == error_reply)
      return base::fail("xenstored refuses a watch: {}",
                        base::printable(body.substr(0, body.find('\0')), 40));
    if (header.type != watch_event)
      continue; // the reply to a request
    size_t end = body.find('\0');
    if (end == std::string::npos || end + 1 >= body.size())
      return base::fail("read xenstore events: a malformed event");
    return WatchEvent{.path = body.substr(0, end), .token = body.c_str() + end + 1};
  }
  return std::nullopt;
}

} // namespace linstub::xen
