// SPDX-License-Identifier: MIT
// Qemu: the QEMU process, confined, with its output turned into lines of the log.
#pragma once

#include "base/event_loop.hpp"
#include "base/process.hpp"
#include "stub/line_reader.hpp"
#include "sys/open_requests.hpp"

#include <signal.h>

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
  struct Callbacks {
    std::function<void(std::string_view line)> said;    // a line on its standard output or error
    std::function<void(base::ExitStatus status)> ended; // once
    sys::OpenRequests::Decide open; // on files that it opens for reading and writing
  };

  // Gives QEMU the device nodes that it needs, and starts it. It inherits `keep` under their own
  // numbers and nothing else, and `variables` ("NAME=value") beside its own.
  static base::Result<std::unique_ptr<Qemu>> start(base::EventLoop &loop,
                                                   const std::vector<std::string> &arguments,
                                                   const std::vector<int> &keep,
                                                   const std::vector<std::string> &variables,
                                                   Callbacks callbacks);

  // Ends it at once, without a chance to do anything more to the guest.
  void kill() { child_.kill(SIGKILL); }

  [[nodiscard]] pid_t pid() const { return child_.pid(); }

private:
  explicit Qemu(Callbacks callbacks) : callbacks_(std::move(callbacks)), lines_(callbacks_.said) {}
  base::Result<> serve_opens(base::EventLoop &loop, const base::Fd &socket);
  void read_output();
  void check_end();

  Callbacks callbacks_;
  LineReader lines_;
  base::Fd output_;
  base::Child child_;
  base::EventLoop::Handle output_watch_;
  base::EventLoop::Handle end_watch_;
  std::optional<sys::OpenRequests> opens_;
  base::EventLoop::Handle opens_watch_;
};

} // namespace linstub::stub
