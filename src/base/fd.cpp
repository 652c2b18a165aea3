// SPDX-License-Identifier: MIT
#include "base/fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>

namespace linstub::base {

void Fd::reset(int fd) {
  if (fd_ >= 0)
    ::close(fd_); // a failed close leaves nothing that could be done: the descriptor is gone
  fd_ = fd;
}

Result<Fd> open_file(const std::string &path, int flags, mode_t mode) {
  int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0)
    return fail_errno(errno, "open {}", path);
  return Fd(fd);
}

Result<Fd> duplicate(const Fd &fd) {
  Fd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!copy)
    return fail_errno(errno, "keep a descriptor");
  return copy;
}

Result<Pipe> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0)
    return fail_errno(errno, "make a pipe");
  return Pipe{.read = Fd(fds[0]), .write = Fd(fds[1])};
}

Result<std::string> read_file(const std::string &path, size_t limit) {
  Fd fd = TRY(open_file(path, O_RDONLY));
  std::string content;
  std::array<char, 16384> buffer;
  for (;;) {
    ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0) {
      if (errno == EINTR)
        continue;
      return fail_errno(errno, "read {}", path);
    }
    if (got == 0)
      return content;
    if (content.size() + static_cast<size_t>(got) > limit)
      return fail("read {}: it is longer than the {} bytes allowed", path, limit);
    content.append(buffer.data(), static_cast<size_t>(got));
  }
}

Result<> replace_file(const std::string &path, std::string_view content, mode_t mode) {
  std::string temporary = base::format("{}.{}.new", path, ::getpid());
  auto write = [&]() -> Result<> {
    Fd fd = TRY(open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode));
    TRY(write_all(fd, content).transform_error(doing("write {}", temporary)));
    if (::rename(temporary.c_str(), path.c_str()) != 0)
      return fail_errno(errno, "rename {} to {}", temporary, path);
    return {};
  };
  Result<> done = write();
  if (!done)
    ::unlink(temporary.c_str());
  return done;
}

Result<> write_all(const Fd &fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t put = ::write(fd.get(), bytes.data(), bytes.size());
    if (put < 0) {
      if (errno == EINTR)
        continue;
      return fail_errno(errno, "write {} bytes", bytes.size());
    }
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  return {};
}

Result<> write_all(const Fd &fd, std::string_view text) {
  return write_all(fd, std::as_bytes(std::span(text)));
}

Result<> set_nonblocking(const Fd &fd) {
  int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0)
    return fail_errno(errno, "make descriptor {} non-blocking", fd.get());
  return {};
}

} // namespace linstub::base
