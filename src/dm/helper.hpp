// Helper: linstub-stubdom as a child of linstub-dm, without blocking its event loop.
#pragma once

#include "base/event_loop.hpp"
#include "base/process.hpp"

#include <functional>
#include <string>
#include <vector>

namespace linstub::dm {

constexpr const char *helper_program = LINSTUB_STUBDOM;

class Helper {
public:
  using Done = std::function<void(base::Result<std::string> output)>;

  // Runs `argv` with `input` on standard input, and calls `done`, once, with what it printed, or
  // with the reason for its failure: the last line it wrote to standard error, after which stands
  // what libxl had said. Kills it when the deadline passes. `keep` is a descriptor that it holds
  // open, -1 for none.
  static base::Result<std::unique_ptr<Helper>> start(base::EventLoop &loop,
                                                     std::vector<std::string> argv,
                                                     const std::string &input, int keep,
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

} // namespace linstub::dm
