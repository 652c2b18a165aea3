// SPDX-License-Identifier: MIT
// Fd: sole owner of a file descriptor.
#pragma once

#include "base/result.hpp"

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>
#include <utility>

namespace linstub::base {

class Fd {
public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd &operator=(Fd &&other) noexcept {
    reset(std::exchange(other.fd_, -1));
    return *this;
  }
  Fd(const Fd &) = delete;
  Fd &operator=(const Fd &) = delete;
  ~Fd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);

private:
  int fd_ = -1;
};

// open(2) with O_CLOEXEC added. The error names the path.
Result<Fd> open_file(const std::string &path, int flags, mode_t mode = 0600);

// Another descriptor of the same open file, close-on-exec.
Result<Fd> duplicate(const Fd &fd);

struct Pipe {
  Fd read;
  Fd write;
};
Result<Pipe> make_pipe();

// The whole of a small file; an error if it is longer than `limit` bytes.
Result<std::string> read_file(const std::string &path, size_t limit);

// Writes a file in place of what was there, atomically: a reader sees the old or the new one.
Result<> replace_file(const std::string &path, std::string_view content, mode_t mode = 0644);

// Writes all of `bytes`, through interruptions and short writes. For blocking descriptors.
Result<> write_all(const Fd &fd, std::span<const std::byte> bytes);
Result<> write_all(const Fd &fd, std::string_view text);

Result<> set_nonblocking(const Fd &fd);

} // namespace linstub::base
