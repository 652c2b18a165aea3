// SPDX-License-Identifier: MIT
// Qemu: the QEMU process, confined.
#pragma once

#include "base/event_loop.hpp"
#include "stub/program.hpp"
#include "sys/open_requests.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace linstub::stub {

constexpr const char *qemu_program = "/usr/bin/qemu-system-i386";

// QEMU's user and group. There is no passwd file; root is the only other one.
constexpr uid_t qemu_uid = 100;

// Whether a line of QEMU's says nothing: it complains of it at each start, and goes on.
bool is_harmless(std::string_view line);

// Starts it, to do nothing: what it reads of its files is in memory when it is started again.
base::Result<> warm_up_qemu();

class Qemu {
public:
  // Gives QEMU the device nodes that it needs, and starts it. It inherits `keep` under their own
  // numbers and nothing else, and `variables` ("NAME=value") beside its own. `open` decides on
  // files that it opens for reading and writing.
  static base::Result<std::unique_ptr<Qemu>>
  start(base::EventLoop &loop, const std::vector<std::string> &arguments,
        const std::vector<int> &keep, const std::vector<std::string> &variables,
        Program::Callbacks callbacks, sys::OpenRequests::Decide open);

  // Ends it at once, without a chance to do anything more to the guest.
  void kill() { program_->kill(); }

  [[nodiscard]] pid_t pid() const { return program_->pid(); }

private:
  Qemu() = default;
  base::Result<> serve_opens(base::EventLoop &loop, const base::Fd &socket,
                             sys::OpenRequests::Decide open);

  std::unique_ptr<Program> program_;
  std::optional<sys::OpenRequests> opens_;
  base::EventLoop::Handle opens_watch_;
};

} // namespace linstub::stub
