// SPDX-License-Identifier: MIT
#include "dm/outbox.hpp"

#include <unistd.h>

#include <cerrno>

namespace linstub::dm {

base::Result<size_t> Outbox::write_to(const base::Fd &fd) {
  size_t written = 0;
  while (written < bytes_.size()) {
    ssize_t put = ::write(fd.get(), bytes_.data() + written, bytes_.size() - written);
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0 && errno == EAGAIN)
      break;
    if (put < 0) {
      int code = errno;
      bytes_.erase(0, written);
      return base::fail_errno(code, "write");
    }
    written += static_cast<size_t>(put);
  }
  bytes_.erase(0, written);
  return written;
}

void Outbox::keep_newest(size_t most) {
  if (bytes_.size() > most)
    bytes_.erase(0, bytes_.size() - most);
}

} // namespace linstub::dm
