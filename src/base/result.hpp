// SPDX-License-Identifier: MIT
// Result<T>: what every function that can fail returns.
//
// An error is one sentence that grows on its way up: the place that failed says what went wrong,
// each caller that can add something says what it was doing. Read from the left it goes from the
// task to the cause:
//
//     start stub domain: attach disk xvda: open guest.img: No such file or directory
//
//     Result<Fd> open_disk(const std::string &path) {
//       Fd fd = TRY(open_file(path, O_RDWR));                       // passes the error on
//       TRY(check_size(fd).transform_error(doing("check {}", path)));  // and says more
//       return fd;
//     }
#pragma once

#include "base/format.hpp"

#include <cerrno>
#include <expected>
#include <format>
#include <string>
#include <utility>

namespace linstub::base {

class Error {
public:
  explicit Error(std::string message, int code = 0) : message_(std::move(message)), code_(code) {}

  [[nodiscard]] const std::string &message() const { return message_; }

  // The errno behind the error, 0 where there is none.
  [[nodiscard]] int code() const { return code_; }

  // The same error with `what` (what was being done) in front.
  [[nodiscard]] Error in(std::string_view what) && {
    message_.insert(0, ": ").insert(0, what);
    return std::move(*this);
  }

private:
  std::string message_;
  int code_;
};

template <class T = void>
using Result = std::expected<T, Error>;

// The text of an errno value ("No such file or directory"). Thread-safe.
std::string errno_text(int code);

// An error of our own making.
template <class... Args>
[[nodiscard]] std::unexpected<Error> fail(FormatString<Args...> text, Args &&...args) {
  return std::unexpected(Error(base::format(text, std::forward<Args>(args)...)));
}

// An error that the system reported: "<text>: <meaning of code>". Takes the errno as its first
// argument, so that nothing between the failed call and here can change it.
template <class... Args>
[[nodiscard]] std::unexpected<Error> fail_errno(int code, FormatString<Args...> text,
                                                Args &&...args) {
  std::string message = base::format(text, std::forward<Args>(args)...);
  message.append(": ").append(errno_text(code));
  return std::unexpected(Error(std::move(message), code));
}

// For std::expected::transform_error: puts what was being done in front of an error.
template <class... Args>
[[nodiscard]] auto doing(FormatString<Args...> text, Args &&...args) {
  return [what = base::format(text, std::forward<Args>(args)...)](Error error) {
    return std::move(error).in(what);
  };
}

} // namespace linstub::base

// The value of a Result, or return its error from the enclosing function.
#define TRY(...)                                                                                   \
  __extension__({                                                                                  \
    auto linstub_result_ = (__VA_ARGS__);                                                          \
    if (!linstub_result_)                                                                          \
      return std::unexpected(std::move(linstub_result_).error());                                  \
    *std::move(linstub_result_);                                                                   \
  })
