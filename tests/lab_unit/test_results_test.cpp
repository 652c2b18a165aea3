// SPDX-License-Identifier: MIT
#include "lab/test_results.hpp"

#include <gmock/gmock.h>

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TestResults read(std::initializer_list<const char *> lines) {
  TestResults results;
  for (const char *line : lines)
    results.line(line);
  return results;
}

TEST(ListedScenarios, HaveTheNamesOfTheirSuites) {
  EXPECT_THAT(
      listed_scenarios("LifeCycle.\n"
                       "  Reboots\n"
                       "  TripleFault\n"
                       "All/PciUnder.\n"
                       "  NicByMsix/linstub  # GetParam() = 0\n"),
      ElementsAre("LifeCycle.Reboots", "LifeCycle.TripleFault", "All/PciUnder.NicByMsix/linstub"));
  EXPECT_THAT(listed_scenarios(""), ElementsAre());
}

TEST(TestResults, CountsHowEachScenarioEnded) {
  auto results = read({
      "[==========] Running 4 tests from 2 test suites.",
      "[ RUN      ] LifeCycle.Reboots",
      "[       OK ] LifeCycle.Reboots (51234 ms)",
      "[ RUN      ] All/Dies.Crashes/1",
      "scenario.cpp:77: Failure",
      "[  FAILED  ] All/Dies.Crashes/1, where GetParam() = qemu (123 ms)",
      "[ RUN      ] StateOf.Costs",
      "/c/tests/lab/state_test.cpp:87: Skipped",
      "only with LINSTUB_THOROUGH=1",
      "",
      "[  SKIPPED ] StateOf.Costs (0 ms)",
      "[  PASSED  ] 1 test.",
      "[  SKIPPED ] 1 test, listed below:",
      "[  SKIPPED ] StateOf.Costs",
      "[  FAILED  ] 1 test, listed below:",
      "[  FAILED  ] All/Dies.Crashes/1, where GetParam() = qemu",
      "lab failures: 0",
  });
  EXPECT_EQ(results.summary(4, seconds(90)),
            "4 scenarios: 1 passed, 1 failed, 1 skipped, 1 not run; lab failures: 0; 90 s\n"
            "  skipped 1: only with LINSTUB_THOROUGH=1\n"
            "  failed: All/Dies.Crashes/1\n");
}

TEST(TestResults, AScenarioThatDoesNotEndHasFailed) {
  auto results = read({"[ RUN      ] LifeCycle.Reboots"});
  EXPECT_EQ(results.summary(1, seconds(5)),
            "1 scenarios: 0 passed, 1 failed, 0 skipped, 0 not run; lab failures: 0; 5 s\n"
            "  failed: LifeCycle.Reboots did not come to its end\n");
}

TEST(TestResults, AScenarioThatTheLabFailedCountsAsItsSecondRunEnds) {
  auto results = read({
      "[ RUN      ] LifeCycle.Reboots",
      "[ LAB      ] LifeCycle.Reboots: dom0 does not answer any more",
      "[  FAILED  ] LifeCycle.Reboots (99 ms)",
      "[ RUN      ] LifeCycle.Reboots",
      "[       OK ] LifeCycle.Reboots (98 ms)",
  });
  EXPECT_EQ(results.summary(1, seconds(5)),
            "1 scenarios: 1 passed, 0 failed, 0 skipped, 0 not run; lab failures: 1; 5 s\n"
            "  lab failure: LifeCycle.Reboots: dom0 does not answer any more\n");
}

TEST(TestResults, AReasonIsOfItsOwnScenarioOnly) {
  auto results = read({"[ RUN      ] A.B", "x.cpp:1: Skipped", "too slow",
                       "[  SKIPPED ] A.B (0 ms)", "[ RUN      ] A.C", "[  SKIPPED ] A.C (0 ms)"});
  EXPECT_THAT(results.summary(2, seconds(0)), HasSubstr("skipped 1: too slow\n"));
  EXPECT_THAT(results.summary(2, seconds(0)), HasSubstr("skipped 1: no reason given\n"));
}

TEST(TestResults, OfSeveralProgramsAreAddedUp) {
  auto results = read({"[ RUN      ] A.B", "[       OK ] A.B (1 ms)"});
  results.add(read({"[ RUN      ] A.C", "x.cpp:1: Skipped", "too slow", "[  SKIPPED ] A.C (0 ms)",
                    "[ LAB      ] A.C: why"}));
  EXPECT_THAT(results.summary(2, seconds(1)),
              HasSubstr("2 scenarios: 1 passed, 0 failed, 1 skipped, 0 not run; lab failures: 1"));
  EXPECT_THAT(results.summary(2, seconds(1)), Not(HasSubstr("failed: ")));
}

} // namespace
} // namespace linstub::lab
