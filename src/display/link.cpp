// SPDX-License-Identifier: MIT
#include "display/link.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace linstub::display {
namespace {

using base::Result;

constexpr size_t most_files = 4; // more than one is one too many

// A length, then so many bytes; the rest is 0. With a stream: all of it is.
using Packet = std::array<char, longest_password + 1>;

struct Parcel {
  explicit Parcel(Packet &packet) : vector{.iov_base = packet.data(), .iov_len = packet.size()} {
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
  }
  Parcel(const Parcel &) = delete;
  Parcel &operator=(const Parcel &) = delete;

  void put(int file) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(sizeof file);
    cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof file);
    std::memcpy(CMSG_DATA(header), &file, sizeof file);
  }

  // Owned from here on; the first one is what is wanted.
  std::array<base::Fd, most_files> take(size_t &count) {
    std::array<base::Fd, most_files> files;
    count = 0;
    for (cmsghdr *header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        continue;
      const size_t here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i < here && count < most_files; i++) {
        int file = -1;
        std::memcpy(&file, CMSG_DATA(header) + i * sizeof file, sizeof file);
        files.at(count++) = base::Fd(file);
      }
    }
    return files;
  }

  iovec vector;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(most_files * sizeof(int))> control{};
  msghdr message{};
};

struct Received {
  Packet packet{};
  base::Fd file;
};

Result<> send(const base::Fd &link, Packet packet, const base::Fd *file) {
  Parcel parcel(packet);
  if (file != nullptr)
    parcel.put(file->get());
  ssize_t put = 0;
  do {
    put = ::sendmsg(link.get(), &parcel.message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (put < 0 && errno == EINTR);
  if (put != static_cast<ssize_t>(packet.size()))
    return base::fail_errno(errno, "send a packet");
  return {};
}

Result<std::optional<Received>> receive(const base::Fd &link, size_t files) {
  Received received;
  Parcel parcel(received.packet);
  parcel.message.msg_control = parcel.control.data();
  parcel.message.msg_controllen = parcel.control.size();
  const ssize_t got = ::recvmsg(link.get(), &parcel.message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return std::nullopt;
  if (got < 0 && errno != ECONNRESET)
    return base::fail_errno(errno, "receive a packet");
  if (got <= 0)
    return std::unexpected(base::Error("the other side has ended", EPIPE));
  size_t count = 0;
  auto taken = parcel.take(count);
  if ((parcel.message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || count != files ||
      got != static_cast<ssize_t>(received.packet.size()))
    return base::fail("a packet is none of the other side's");
  received.file = std::move(taken.front());
  return received;
}

} // namespace

Result<std::pair<base::Fd, base::Fd>> make_link() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
    return base::fail_errno(errno, "make a socket pair");
  return std::pair(base::Fd(ends[0]), base::Fd(ends[1]));
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
