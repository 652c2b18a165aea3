// SPDX-License-Identifier: MIT
#include "bench/contender.hpp"
#include "bench/metric.hpp"
#include "bench/report.hpp"

#include <gmock/gmock.h>

#include <map>
#include <set>

namespace linstub::bench {
namespace {

using testing::HasSubstr;

Run run_of(double dom0, double linstub) {
  Run run{.circumstances = {{"Xen", "4.20"}}, .samples = {}};
  for (uint32_t round = 1; round <= 4; round++) {
    run.samples.push_back({"dom0", "exit.port", round, 1, dom0});
    run.samples.push_back({"linstub", "exit.port", round, 2, linstub});
    run.samples.push_back({"dom0", "memory.stub", round, 1, 0});
    run.samples.push_back({"linstub", "memory.stub", round, 2, 64 << 20});
  }
  return run;
}

TEST(Report, HasMediansRatiosAndTheNoise) {
  const std::string text = report(run_of(0.002, 0.001));
  EXPECT_THAT(text, HasSubstr("| Xen | 4.20 |"));
  EXPECT_THAT(text,
              HasSubstr("| port read that QEMU emulates | ms | 2.000 (2.000 to 2.000) | 1.000 "
                        "(1.000 to 1.000) |"));
  EXPECT_THAT(text, HasSubstr("| port read that QEMU emulates | 0.50 (0.50 to 0.50) | 1.00 (1.00 "
                              "to 1.00) |"));
}

TEST(Report, ARatioToNothingIsNone) {
  EXPECT_THAT(report(run_of(1, 1)), HasSubstr("| stub domain, as Xen counts it | - | - |"));
}

TEST(Report, OfNothingIsEmptyButWhole) {
  EXPECT_THAT(report(bench::Run{}), HasSubstr("## Ratios"));
  EXPECT_THAT(table(bench::Run{}), HasSubstr("exit.port"));
}

TEST(Report, AComparisonTellsAChangeFromNoise) {
  EXPECT_THAT(compare(run_of(1, 2), run_of(1, 3)),
              HasSubstr("| linstub | 2000.000 (2000.000 to 2000.000) | 3000.000 (3000.000 to "
                        "3000.000) | 1.50 (1.50 to 1.50) |"));
  EXPECT_THAT(compare(run_of(1, 2), run_of(1, 2)), HasSubstr("1.00 (1.00 to 1.00), noise"));
}

TEST(Report, ATableFitsATerminal) {
  const std::string text = table(run_of(0.002, 0.001));
  EXPECT_THAT(text, HasSubstr("0.50x"));
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    EXPECT_LE(end - at, 80U);
    at = end + 1;
  }
}

TEST(Metrics, HaveAnIdOfTheirOwn) {
  std::set<std::string_view> ids;
  for (const Metric &metric : metrics()) {
    EXPECT_TRUE(ids.insert(metric.id).second) << metric.id;
    EXPECT_EQ(find_metric(metric.id), &metric);
  }
  EXPECT_EQ(find_metric("none"), nullptr);
}

TEST(Contenders, AreEachInEachPlaceEquallyOften) {
  auto all = parse_contenders("dom0,linstub,libxl");
  ASSERT_TRUE(all) << all.error().message();
  std::map<std::pair<std::string_view, size_t>, int> times;
  for (uint32_t round = 1; round <= 9; round++) {
    const auto order = order_in(round, *all);
    for (size_t place = 0; place < order.size(); place++)
      times[{order[place].name, place}]++;
  }
  EXPECT_EQ(times.size(), 9U);
  for (const auto &[which, count] : times)
    EXPECT_EQ(count, 3) << which.first;
}

TEST(Contenders, OnesThatAreNotThereAreNamed) {
  EXPECT_THAT(parse_contenders("dom0,xen").error().message(), HasSubstr("\"xen\""));
  EXPECT_THAT(parse_contenders("dom0,").error().message(), HasSubstr("\"\""));
  EXPECT_THAT(parse_contenders("dom0,dom0").error().message(), HasSubstr("twice"));
}

} // namespace
} // namespace linstub::bench
