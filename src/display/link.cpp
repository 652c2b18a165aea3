// SPDX-License-Identifier: MIT
#include "display/link.hpp"

#include "sys/parcel.hpp"
#include "sys/unix_socket.hpp"

#include <algorithm>
#include <array>

namespace linstub::display {
namespace {

using base::Result;

// A length, then so many bytes; the rest is 0. With a stream: all of it is.
using Packet = std::array<char, longest_password + 1>;

using Parcel = sys::Parcel<2>; // more than one is one too many

struct Received {
  Packet packet{};
  base::Fd file;
};

Result<> send(const base::Fd &link, Packet packet, const base::Fd *file) {
  Parcel parcel(std::as_writable_bytes(std::span(packet)));
  std::vector<int> files;
  if (file != nullptr)
    files.push_back(file->get());
  if (parcel.send(link.get(), files, MSG_NOSIGNAL | MSG_DONTWAIT) !=
      static_cast<ssize_t>(packet.size()))
    return base::fail_errno(errno, "send a packet");
  return {};
}

Result<std::optional<Received>> receive(const base::Fd &link, size_t files) {
  Received received;
  Parcel parcel(std::as_writable_bytes(std::span(received.packet)));
  const ssize_t got = parcel.receive(link.get(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return std::nullopt;
  if (got < 0 && errno != ECONNRESET)
    return base::fail_errno(errno, "receive a packet");
  if (got <= 0)
    return std::unexpected(base::Error("the other side has ended", EPIPE));
  std::vector<base::Fd> taken = parcel.take();
  if (parcel.is_cut() || taken.size() != files ||
      got != static_cast<ssize_t>(received.packet.size()))
    return base::fail("a packet is none of the other side's");
  if (!taken.empty())
    received.file = std::move(taken.front());
  return received;
}

} // namespace

Result<std::pair<base::Fd, base::Fd>> make_link() {
  return sys::make_socket_pair(SOCK_SEQPACKET | SOCK_NONBLOCK);
}

Result<> send_stream(const base::Fd &link, const base::Fd &stream) {
  return send(link, {}, &stream);
}

Result<> send_password(const base::Fd &link, std::string_view password) {
  Packet packet{};
  password = password.substr(0, longest_password);
  packet[0] = static_cast<char>(password.size());
  std::ranges::copy(password, packet.begin() + 1);
  return send(link, packet, nullptr);
}

Result<std::optional<base::Fd>> receive_stream(const base::Fd &link) {
  auto received = TRY(receive(link, 1));
  if (!received)
    return std::nullopt;
  if (received->packet != Packet{})
    return base::fail("a packet is none of the display's");
  return std::move(received->file);
}

Result<std::optional<std::string>> receive_password(const base::Fd &link) {
  auto received = TRY(receive(link, 0));
  if (!received)
    return std::nullopt;
  const auto length = static_cast<unsigned char>(received->packet[0]);
  if (length > longest_password)
    return base::fail("a packet is none of the device model's");
  return std::string(received->packet.data() + 1, length);
}

} // namespace linstub::display
