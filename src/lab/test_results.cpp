// SPDX-License-Identifier: MIT
#include "lab/test_results.hpp"

#include "base/format.hpp"

#include <algorithm>
#include <optional>

namespace linstub::lab {
namespace {

// What follows `tag` at the beginning of a line.
std::optional<std::string_view> after(std::string_view line, std::string_view tag) {
  if (!line.starts_with(tag))
    return std::nullopt;
  return line.substr(tag.size());
}

// "Suite.Name (12 ms)", "Suite.Name/0, where GetParam() = 4 (12 ms)". Without the time it is a line
// of the list that gtest prints at the end, which says nothing new.
std::optional<std::string> ended(std::string_view line, std::string_view tag) {
  auto rest = after(line, tag);
  if (!rest || !rest->ends_with(" ms)"))
    return std::nullopt;
  return std::string(rest->substr(0, rest->find_first_of(" ,")));
}

} // namespace

std::vector<std::string> listed_scenarios(std::string_view text) {
  std::vector<std::string> names;
  std::string suite;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    line = line.substr(0, line.find("  # ")); // the parameter
    if (auto name = after(line, "  "))
      names.push_back(suite + std::string(*name));
    else
      suite = line;
  }
  return names;
}

void TestResults::line(std::string_view text) {
  if (reason_follows_) {
    reason_ = text;
    reason_follows_ = false;
  } else if (auto begun = after(text, "[ RUN      ] ")) {
    outcomes_[std::string(*begun)] = Outcome::unfinished;
    reason_.clear();
  } else if (auto passed = ended(text, "[       OK ] ")) {
    outcomes_[*passed] = Outcome::passed;
  } else if (auto failed = ended(text, "[  FAILED  ] ")) {
    outcomes_[*failed] = Outcome::failed;
  } else if (auto skipped = ended(text, "[  SKIPPED ] ")) {
    outcomes_[*skipped] = Outcome::skipped;
    skip_reasons_[*skipped] = reason_;
  } else if (auto lab_failure = after(text, "[ LAB      ] ")) {
    lab_failures_.emplace_back(*lab_failure);
  } else {
    reason_follows_ = text.ends_with(": Skipped");
  }
}

void TestResults::add(const TestResults &other) {
  outcomes_.insert(other.outcomes_.begin(), other.outcomes_.end());
  skip_reasons_.insert(other.skip_reasons_.begin(), other.skip_reasons_.end());
  lab_failures_.insert(lab_failures_.end(), other.lab_failures_.begin(), other.lab_failures_.end());
}

std::vector<std::string> TestResults::names(Outcome outcome) const {
  std::vector<std::string> names;
  for (const auto &[name, was] : outcomes_) {
    if (was == outcome)
      names.push_back(name);
  }
  return names;
}

std::string TestResults::summary(size_t wanted, std::chrono::seconds took) const {
  const auto failed = names(Outcome::failed);
  const auto unfinished = names(Outcome::unfinished);
  const auto skipped = names(Outcome::skipped);
  const size_t begun = outcomes_.size();
  std::string text = base::format(
      "{} scenarios: {} passed, {} failed, {} skipped, {} not run; lab failures: {}; {} s\n",
      std::max(wanted, begun), names(Outcome::passed).size(), failed.size() + unfinished.size(),
      skipped.size(), wanted > begun ? wanted - begun : 0, lab_failures_.size(), took.count());
  std::map<std::string, size_t> reasons;
  for (const std::string &name : skipped)
    reasons[skip_reasons_.at(name)]++;
  for (const auto &[reason, count] : reasons)
    text += base::format("  skipped {}: {}\n", count, reason.empty() ? "no reason given" : reason);
  for (const std::string &lab_failure : lab_failures_)
    text += base::format("  lab failure: {}\n", lab_failure);
  for (const std::string &name : failed)
    text += base::format("  failed: {}\n", name);
  for (const std::string &name : unfinished)
    text += base::format("  failed: {} did not come to its end\n", name);
  return text;
}

} // namespace linstub::lab
