// SPDX-License-Identifier: MIT
// Child processes: started without a shell, never left behind, every wait bounded.
#pragma once

#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace linstub::base {

struct Command {
  std::vector<std::string> argv;                       // argv[0] is looked up in PATH
  std::optional<std::vector<std::string>> environment; // "NAME=value"; the caller's if absent
  std::string directory;                               // where it runs; the caller's if empty
  // Descriptors given to the child as 0, 1 and 2; -1 is /dev/null for 0, the caller's for 1 and 2.
  int standard_input = -1;
  int standard_output = -1;
  int standard_error = -1;
  // Descriptors the child inherits under their own numbers.
  std::vector<int> keep;
  // Called in the child just before exec, to drop rights and the like. Returns an errno value, 0
  // to go on. It may only make system calls: no allocation, no locks.
  std::function<int()> before_exec;
};

// The exit status of our programs for a failure of what they need to do their work (the lab, the
// build environment), not of what they try (EX_UNAVAILABLE of sysexits.h).
constexpr int infrastructure_failed = 69;

// How a process ended.
struct ExitStatus {
  int code = 0;   // exit status, if signal is 0
  int signal = 0; // the signal that ended it, or 0

  [[nodiscard]] bool success() const { return code == 0 && signal == 0; }
  [[nodiscard]] std::string
  text() const; // "exited with status 1", "was ended by signal 9 (Killed)"
};

// A running child. Destroying it kills the process (SIGKILL) and reaps it.
class Child {
public:
  Child() = default;
  Child(Child &&other) noexcept;
  Child &operator=(Child &&other) noexcept;
  Child(const Child &) = delete;
  Child &operator=(const Child &) = delete;
  ~Child();

  [[nodiscard]] pid_t pid() const { return pid_; }

  // Readable when the process has ended: for an EventLoop.
  [[nodiscard]] const Fd &pidfd() const { return pidfd_; }

  // The status if the process has ended, nothing if it still runs.
  Result<std::optional<ExitStatus>> poll();

  // Waits for the end; a deadline that passes is an error with code ETIMEDOUT, the child runs on.
  Result<ExitStatus> wait(Deadline deadline);

  // Sends a signal; does nothing if it has ended.
  void kill(int signal);

  // Gives up ownership: the process lives on, nobody reaps it here.
  pid_t release();

private:
  friend Result<Child> start(const Command &command);
  Child(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  void end();

  pid_t pid_ = -1;
  Fd pidfd_;
  std::optional<ExitStatus> status_;
};

// Starts a program. A program that cannot be executed is an error here, not an exit status. The
// child has default signal dispositions and an empty signal mask.
Result<Child> start(const Command &command);

struct Output {
  ExitStatus status;
  std::string out; // standard output, cut at the limit
  std::string err; // standard error, cut at the limit
};

// Runs a program to its end and collects what it prints; kills it when the deadline passes (an
// error with code ETIMEDOUT). A non-zero exit status is not an error here. Output beyond `limit`
// bytes a stream is read and dropped. `input` is given on standard input.
Result<Output> run(Command command, Deadline deadline, std::string_view input = {},
                   size_t limit = size_t{16} << 20);

// The same, and a non-zero exit status is an error that quotes the last lines of standard error.
Result<std::string> run_checked(Command command, Deadline deadline, std::string_view input = {});

} // namespace linstub::base
