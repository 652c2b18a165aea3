// SPDX-License-Identifier: MIT
#include "broker/message_socket.hpp"

#include "sys/parcel.hpp"
#include "sys/unix_socket.hpp"

#include <array>

namespace linstub::broker {
namespace {

using base::Result;

using Parcel = sys::Parcel<most_files + 1>;

} // namespace

Result<std::pair<MessageSocket, MessageSocket>> MessageSocket::make_pair() {
  auto [broker, device_model] = TRY(sys::make_socket_pair(SOCK_SEQPACKET));
  return std::pair(MessageSocket(std::move(broker), Sender::broker),
                   MessageSocket(std::move(device_model), Sender::device_model));
}

Result<> MessageSocket::send(const Message &message) const {
  std::string bytes = encode(message);
  std::vector<int> files;
  for (const base::Fd &file : message.files)
    files.push_back(file.get());
  Parcel parcel(std::as_writable_bytes(std::span(bytes)));
  const int flags = MSG_NOSIGNAL | (us_ == Sender::broker ? MSG_DONTWAIT : 0);
  if (parcel.send(fd_.get(), files, flags) != static_cast<ssize_t>(bytes.size()))
    return base::fail_errno(errno, "send a message");
  return {};
}

Result<std::optional<Message>> MessageSocket::receive() const {
  std::array<std::byte, longest_message + 1> bytes;
  Parcel parcel(bytes);
  const ssize_t got = parcel.receive(fd_.get(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return std::nullopt;
  if (got < 0 && errno != ECONNRESET)
    return base::fail_errno(errno, "receive a message");
  if (got <= 0)
    return std::unexpected(base::Error("the other side has ended", EPIPE));
  std::vector<base::Fd> files = parcel.take();
  if (parcel.is_cut())
    return base::fail("a message is too long");
  const Sender other = us_ == Sender::broker ? Sender::device_model : Sender::broker;
  Message message =
      TRY(decode(other, std::span(bytes).first(static_cast<size_t>(got)), files.size())
              .transform_error(base::doing("a message")));
  message.files = std::move(files);
  return message;
}

} // namespace linstub::broker
