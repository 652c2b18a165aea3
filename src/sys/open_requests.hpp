// SPDX-License-Identifier: MIT
// OpenRequests: a confined program's attempts to open a file for reading and writing, decided on
// and, if need be, carried out by whoever has started it (seccomp's user notification, seccomp(2),
// seccomp_unotify(2)). So a program without any capability gets single descriptors that only root
// can open, at a time when it has long been running. All its other system calls are not touched,
// and are not slowed by more than the kernel's look into a bitmap.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

namespace linstub::sys {

// In the child, after fork and after no_new_privs is set: installs the filter and gives the
// listener to the parent through `socket`, one end of a socket pair. System calls only. Returns an
// errno value, 0 for success.
int hand_over_opens(int socket);

class OpenRequests {
public:
  // Decides on an open of `path`: a descriptor to give to the program in its place, or nothing to
  // let it do what it was doing, with its own rights. An error is for the log; the program gets
  // the errno that is its code.
  using Decide = std::function<base::Result<base::Fd>(const std::string &path)>;

  // In the parent: takes the listener that hand_over_opens() has sent.
  static base::Result<OpenRequests> receive(const base::Fd &socket);

  // For an EventLoop: readable when the program waits for an answer.
  [[nodiscard]] int fd() const { return listener_.get(); }

  // Answers one request. That the program has gone meanwhile is no error.
  base::Result<> serve(const Decide &decide) const;

private:
  explicit OpenRequests(base::Fd listener) : listener_(std::move(listener)) {}

  base::Fd listener_;
};

} // namespace linstub::sys
