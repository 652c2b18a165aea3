// SPDX-License-Identifier: MIT
// Parcel: a message of a Unix socket, with descriptors beside its bytes (SCM_RIGHTS: unix(7),
// cmsg(3)). It allocates nothing but in take(), so that a new process may send one.
#pragma once

#include "base/fd.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

namespace linstub::sys {

// With room for so many descriptors. Who wants to notice that there is one too many has room for
// it.
template <size_t most>
class Parcel {
public:
  // The bytes to send, or where those that come go. They must outlive it.
  explicit Parcel(std::span<std::byte> bytes)
      : vector_{.iov_base = bytes.data(), .iov_len = bytes.size()} {
    message_.msg_iov = &vector_;
    message_.msg_iovlen = 1;
  }
  Parcel(const Parcel &) = delete;
  Parcel &operator=(const Parcel &) = delete;

  // As sendmsg(2), and again if a signal comes between.
  ssize_t send(int socket, std::span<const int> files, int flags) {
    put(files);
    ssize_t sent = 0;
    do {
      sent = ::sendmsg(socket, &message_, flags);
    } while (sent < 0 && errno == EINTR);
    return sent;
  }

  // As recvmsg(2). What has come is to be taken.
  ssize_t receive(int socket, int flags) {
    message_.msg_control = control_.data();
    message_.msg_controllen = control_.size();
    const ssize_t got = ::recvmsg(socket, &message_, flags | MSG_CMSG_CLOEXEC);
    if (got < 0)
      message_.msg_controllen = 0;
    return got;
  }

  // The descriptors that have come.
  std::vector<base::Fd> take() {
    std::vector<base::Fd> files;
    for (cmsghdr *header = CMSG_FIRSTHDR(&message_); header != nullptr;
         header = CMSG_NXTHDR(&message_, header)) {
      if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        continue;
      const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i < count; i++) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
        files.emplace_back(fd);
      }
    }
    message_.msg_controllen = 0;
    return files;
  }

  // Bytes or descriptors had no room.
  [[nodiscard]] bool is_cut() const { return (message_.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0; }

private:
  void put(std::span<const int> files) {
    files = files.first(std::min(files.size(), most));
    if (files.empty())
      return;
    message_.msg_control = control_.data();
    message_.msg_controllen = CMSG_SPACE(files.size_bytes());
    cmsghdr *header = CMSG_FIRSTHDR(&message_);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(files.size_bytes());
    std::memcpy(CMSG_DATA(header), files.data(), files.size_bytes());
  }

  iovec vector_;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(most * sizeof(int))> control_{};
  msghdr message_{};
};

} // namespace linstub::sys
