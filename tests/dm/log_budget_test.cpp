// SPDX-License-Identifier: MIT
#include "base/log.hpp"
#include "dm/log_budget.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace linstub::dm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class LogBudgetTest : public testing::Test {
protected:
  LogBudgetTest() {
    base::set_log_sink(
        [](void *context, std::string_view line) {
          static_cast<LogBudgetTest *>(context)->said.emplace_back(line);
        },
        this);
  }
  ~LogBudgetTest() override { base::set_log_sink(nullptr, nullptr); }

  // How many of so many lines of 52 bytes, with what is around them 100, are admitted.
  uint64_t admitted(uint64_t lines, base::Clock::time_point now) {
    uint64_t count = 0;
    for (uint64_t i = 0; i < lines; i++)
      count += budget.admits(std::string(52, 'x'), now) ? 1 : 0;
    return count;
  }

  base::Clock::time_point start = base::Clock::now();
  LogBudget budget;
  std::vector<std::string> said;
};

TEST_F(LogBudgetTest, ABootGoesThroughAndAFloodDoesNot) {
  EXPECT_EQ(admitted(1'000'000, start), LogBudget::of_a_stub_domain.burst / 100);
  EXPECT_THAT(said, IsEmpty()) << "nothing is said while nothing may be logged";
}

TEST_F(LogBudgetTest, SaysHowManyLinesWereDropped) {
  const uint64_t lines = LogBudget::of_a_stub_domain.burst / 100 + 7;
  admitted(lines, start);
  EXPECT_EQ(admitted(1, start + std::chrono::minutes(1)), 1U);
  EXPECT_THAT(said, ElementsAre(HasSubstr("the stub domain says too much: 7 lines dropped")));
}

TEST_F(LogBudgetTest, AFloodOfEmptyLinesIsAFlood) {
  uint64_t count = 0;
  for (int i = 0; i < 1'000'000; i++)
    count += budget.admits("", start) ? 1 : 0;
  EXPECT_LT(count, LogBudget::of_a_stub_domain.burst / 40);
}

TEST_F(LogBudgetTest, AllOfItInAYearOfFloodIsBounded) {
  uint64_t count = 0;
  for (int hour = 0; hour < 365 * 24; hour++)
    count += admitted(5'000, start + std::chrono::hours(hour));
  EXPECT_LE(count * 100, LogBudget::of_a_stub_domain.total);
  EXPECT_THAT(said.back(), HasSubstr("no more of it is logged"));
  EXPECT_EQ(admitted(1, start + std::chrono::hours(24 * 400)), 0U);
}

} // namespace
} // namespace linstub::dm
