// SPDX-License-Identifier: MIT
// One of those that run the scenarios: takes a part, starts the program for it, shows what it
// prints line by line, and goes on with the next part when the program has ended.
#pragma once

#include "base/event_loop.hpp"
#include "base/process.hpp"
#include "lab/lab.hpp"
#include "lab/test_parts.hpp"
#include "lab/test_results.hpp"
#include "lab/test_run.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::lab {

// Where a worker runs its parts.
struct Place {
  std::string title;                  // in front of each line
  std::string lab;                    // that is the worker's own; empty: it has none
  std::vector<std::string> arguments; // that tell the program
};

// All that the workers share. What is referred to outlives them.
struct Shared {
  const TestRunOptions &options;
  const std::map<Shape, std::vector<std::string>> &scenarios;
  base::EventLoop &loop; // stopped whenever a worker has no more to do
  Deal &deal;
  Labs *labs; // nullptr on a real host
};

// Must not be moved while it works.
class Worker {
public:
  Worker(const Shared &shared, Place place) : shared_(shared), place_(std::move(place)) {}

  [[nodiscard]] bool working() const { return working_; }
  [[nodiscard]] const Place &place() const { return place_; }
  [[nodiscard]] const TestResults &results() const { return results_; }

  // Begins with the next part.
  void go_on();

  // To the program and all that it has started.
  void signal(int number);

private:
  base::Result<> start(const Part &part);
  [[nodiscard]] std::vector<std::string> command_line(const Part &part) const;
  void read();
  void ended();
  void say(std::string_view line) const;

  Shared shared_;
  Place place_;
  TestResults results_;
  bool working_ = false;
  base::Child child_;
  base::Fd output_;
  std::string partial_; // of a line
  base::EventLoop::Handle readable_;
  base::EventLoop::Handle over_;
  base::EventLoop::Handle limit_;
};

} // namespace linstub::lab
