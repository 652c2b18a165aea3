// SPDX-License-Identifier: MIT
// What became of each scenario, read from what gtest prints while they run.
//
// Read from the lines, not from gtest's report at the end: a program that dies writes none.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::lab {

// The names in the output of --gtest_list_tests: "Suite.Name".
std::vector<std::string> listed_scenarios(std::string_view text);

class TestResults {
public:
  // One line of the output of one program, without its newline. A scenario that is run again, on a
  // fresh lab, counts as it ended the last time.
  void line(std::string_view text);

  // Puts those of another program to these.
  void add(const TestResults &other);

  // For a person: how many of `wanted` scenarios passed, failed, were skipped and why, in a few
  // lines.
  [[nodiscard]] std::string summary(size_t wanted, std::chrono::seconds took) const;

private:
  enum class Outcome { unfinished, passed, failed, skipped };
  [[nodiscard]] std::vector<std::string> names(Outcome outcome) const;

  std::map<std::string, Outcome> outcomes_;
  std::map<std::string, std::string> skip_reasons_; // by scenario
  std::vector<std::string> lab_failures_;           // "Suite.Name: what the emulator showed"
  std::string reason_;                              // the last one that a scenario gave
  bool reason_follows_ = false;
};

} // namespace linstub::lab
