// SPDX-License-Identifier: MIT
// Program: a process that linstub-init has started, with what it says turned into lines.
#pragma once

#include "base/event_loop.hpp"
#include "base/process.hpp"
#include "stub/line_reader.hpp"

#include <functional>
#include <memory>
#include <string_view>

namespace linstub::stub {

class Program {
public:
  struct Callbacks {
    std::function<void(std::string_view line)> said;    // a line on its standard output or error
    std::function<void(base::ExitStatus status)> ended; // once
  };

  // Its outputs are ours; all descriptors that the command does not keep are closed.
  static base::Result<std::unique_ptr<Program>> start(base::EventLoop &loop, base::Command command,
                                                      Callbacks callbacks);

  // Ends it at once.
  void kill();

  [[nodiscard]] pid_t pid() const { return child_.pid(); }

private:
  explicit Program(Callbacks callbacks)
      : callbacks_(std::move(callbacks)), lines_(callbacks_.said) {}
  void read_output();
  void check_end();

  Callbacks callbacks_;
  LineReader lines_;
  base::Fd output_;
  base::Child child_;
  base::EventLoop::Handle output_watch_;
  base::EventLoop::Handle end_watch_;
};

} // namespace linstub::stub
