// SPDX-License-Identifier: MIT
// Helper: a short-lived program as a child of the broker, without blocking its event loop. The one
// that there is, linstub-stubdom, is run by broker/stubdom.hpp.
#pragma once

#include "base/event_loop.hpp"
#include "base/process.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace linstub::broker {

class Helper {
public:
  using Done = std::function<void(base::Result<std::string> output)>;

  struct Job {
    std::vector<std::string> argv;
    std::string input; // what it reads on standard input
    int keep = -1;     // a descriptor that it holds open; -1: none
  };

  // Runs the job, and calls `done`, once, with what it printed, or with the reason for its failure:
  // the last line it wrote to standard error, after which stands what libxl had said. Kills it when
  // the deadline passes. `done` may destroy the Helper.
  static base::Result<std::unique_ptr<Helper>> start(base::EventLoop &loop, Job job,
                                                     base::Deadline deadline, Done done);
  Helper(const Helper &) = delete;
  Helper &operator=(const Helper &) = delete;
  ~Helper() = default; // kills it if it still runs; `done` is not called

private:
  Helper(base::EventLoop &loop, Done done) : loop_(loop), done_(std::move(done)) {}
  base::Result<> watch(base::Deadline deadline);
  void read_errors();
  void log_lines();
  void note_cause(const std::string &error);
  void ended();
  void finish(base::Result<std::string> result);

  base::EventLoop &loop_;
  Done done_;
  base::Child child_;
  base::Fd output_;
  base::Fd errors_;
  std::string pending_; // an incomplete line of standard error
  std::string cause_;   // what libxl said first
  std::string last_;    // what the helper said last
  base::EventLoop::Handle errors_watch_;
  base::EventLoop::Handle end_watch_;
  base::EventLoop::Handle timer_;
};

// The text of a line that libxl logs, without where in libxl it comes from; empty for other lines.
std::string libxl_error(std::string_view line);

} // namespace linstub::broker
