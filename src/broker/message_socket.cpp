// SPDX-License-Identifier: MIT
#include "broker/message_socket.hpp"

#include <sys/socket.h>

#include <array>
#include <cstring>

namespace linstub::broker {
namespace {

using base::Result;

// A message with room for the descriptors that come with it, and for one too many.
struct Parcel {
  Parcel(void *bytes, size_t size) : vector{.iov_base = bytes, .iov_len = size} {
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
  }
  Parcel(const Parcel &) = delete;
  Parcel &operator=(const Parcel &) = delete;

  void put(const std::vector<base::Fd> &files) {
    if (files.empty())
      return;
    const size_t size = files.size() * sizeof(int);
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    for (size_t i = 0; i < files.size(); i++) {
      int fd = files[i].get();
      std::memcpy(CMSG_DATA(header) + i * sizeof fd, &fd, sizeof fd);
    }
  }
  std::vector<base::Fd> take() {
    std::vector<base::Fd> files;
    for (cmsghdr *header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        continue;
      const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i < count; i++) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
        files.emplace_back(fd);
      }
    }
    return files;
  }

  iovec vector;
  alignas(cmsghdr) std::array<char, CMSG_SPACE((most_files + 1) * sizeof(int))> control{};
  msghdr message{};
};

} // namespace

Result<std::pair<MessageSocket, MessageSocket>> MessageSocket::make_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return base::fail_errno(errno, "make a socket pair");
  return std::pair(MessageSocket(base::Fd(ends[0]), Sender::broker),
                   MessageSocket(base::Fd(ends[1]), Sender::device_model));
}

Result<> MessageSocket::send(const Message &message) const {
  std::string bytes = encode(message);
  Parcel parcel(bytes.data(), bytes.size());
  parcel.put(message.files);
  const int flags = MSG_NOSIGNAL | (us_ == Sender::broker ? MSG_DONTWAIT : 0);
  ssize_t put = 0;
  do {
    put = ::sendmsg(fd_.get(), &parcel.message, flags);
  } while (put < 0 && errno == EINTR);
  if (put != static_cast<ssize_t>(bytes.size()))
    return base::fail_errno(errno, "send a message");
  return {};
}

Result<std::optional<Message>> MessageSocket::receive() const {
  std::array<std::byte, longest_message + 1> bytes;
  Parcel parcel(bytes.data(), bytes.size());
  parcel.message.msg_control = parcel.control.data();
  parcel.message.msg_controllen = parcel.control.size();
  ssize_t got = ::recvmsg(fd_.get(), &parcel.message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return std::nullopt;
  if (got < 0 && errno != ECONNRESET)
    return base::fail_errno(errno, "receive a message");
  if (got <= 0)
    return std::unexpected(base::Error("the other side has ended", EPIPE));
  std::vector<base::Fd> files = parcel.take();
  if ((parcel.message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    return base::fail("a message is too long");
  const Sender other = us_ == Sender::broker ? Sender::device_model : Sender::broker;
  Message message =
      TRY(decode(other, std::span(bytes).first(static_cast<size_t>(got)), files.size())
              .transform_error(base::doing("a message")));
  message.files = std::move(files);
  return message;
}

} // namespace linstub::broker
