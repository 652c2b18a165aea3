// SPDX-License-Identifier: MIT
// A long command of a build: its output goes to a log file, a progress line to the terminal, and
// the interesting part of the log into the error.
#pragma once

#include "base/deadline.hpp"
#include "base/process.hpp"
#include "base/result.hpp"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace linstub::image {

// How far a command is: `done` of `total` pieces.
struct Progress {
  size_t done = 0;
  size_t total = 0;
};

// Understands the output of one kind of command, line by line.
class ProgressReader {
public:
  // ninja's own "[17/1317]".
  static ProgressReader ninja() { return ProgressReader(0); }
  // The kernel's make prints a line for each file and no total, so that one is an estimate.
  static ProgressReader kernel_make(size_t estimate) { return ProgressReader(estimate); }
  static ProgressReader none() { return ProgressReader(unknown); }

  // The progress after a line, if the line tells of any.
  std::optional<Progress> line(std::string_view text);

private:
  static constexpr size_t unknown = static_cast<size_t>(-1);
  explicit ProgressReader(size_t estimate) : estimate_(estimate) {}

  size_t estimate_;
  size_t seen_ = 0;
};

struct Step {
  std::string what; // "build the kernel": for the progress line and errors
  base::Command command;
  ProgressReader progress = ProgressReader::none();
  std::filesystem::path log; // appended to
  base::Milliseconds limit{};
};

// Runs a step to its end. A command that fails is an error with the last lines that tell why, and
// the log's name. One that takes longer than the limit is killed.
base::Result<> run_step(Step step);

// The lines of a log that tell best why a command failed: the first that look like errors, else
// the last ones.
std::string telling_lines(std::string_view log);

} // namespace linstub::image
