// SPDX-License-Identifier: MIT
// A run of the lab scenarios: deals them out to several programs at once, each on a lab of its own,
// and shows what they print, line by line.
#pragma once

#include "base/result.hpp"
#include "lab/machine.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace linstub::lab {

struct TestRunOptions {
  std::filesystem::path program;           // linstub-lab-tests
  std::filesystem::path config = "config"; // the project's
  std::filesystem::path tree;              // an installed Linstub, for each lab
  std::optional<Shape> shape;              // only the scenarios of one shape
  std::string filter;                      // only these of gtest's; empty: all
  std::vector<std::string> environment;    // of the scenarios, "NAME=value"

  // Fresh labs: <labs>-1, <labs>-2, ... Nothing else may use these names meanwhile.
  std::string labs = "test";
  size_t count = 0; // how many at once; 0: as many as there is memory for

  // Or one lab that is up already, and stays up; or a real Xen host, user@host[:port].
  std::string lab;
  std::string host;
};

struct TestRun {
  int status = 0;      // the worst of the programs', 130 if a signal has ended the run
  std::string summary; // for a person
};

// Runs them all to their ends. SIGINT, SIGTERM and SIGHUP end the programs and take the labs down.
base::Result<TestRun> run_scenarios(const TestRunOptions &options);

} // namespace linstub::lab
