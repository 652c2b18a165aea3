// SPDX-License-Identifier: MIT
#include "bench/report.hpp"

#include <gmock/gmock.h>

namespace linstub::bench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Run run_of(double dom0, double linstub) {
  Run run{.circumstances = {{"Xen", "4.20"}}, .samples = {}};
  for (uint32_t round = 1; round <= 4; round++) {
    auto add = [&](const char *contender, const char *metric, double value) {
      run.samples.push_back(
          {.contender = contender, .metric = metric, .round = round, .place = 1, .value = value});
    };
    add("dom0", "exit.port", dom0);
    add("linstub", "exit.port", linstub);
    add("dom0", "memory.stub", 0);
    add("linstub", "memory.stub", 64 << 20);
  }
  return run;
}

TEST(Report, HasMediansRatiosAndTheNoise) {
  const std::string text = report(run_of(0.002, 0.001));
  EXPECT_THAT(text, HasSubstr("| Xen | 4.20 |"));
  EXPECT_THAT(text, HasSubstr("| port read that QEMU emulates | ms | 2.000 (2.000 to 2.000; 4) | "
                              "1.000 (1.000 to 1.000; 4) |"));
  EXPECT_THAT(text, HasSubstr("| port read that QEMU emulates | 0.50 (0.50 to 0.50) | 1.00 (1.00 "
                              "to 1.00) |"));
}

TEST(Report, ARatioToNothingIsNone) {
  EXPECT_THAT(report(run_of(1, 1)), HasSubstr("| stub domain, as Xen counts it | - | - |"));
}

TEST(Report, OfNothingIsEmptyButWhole) {
  EXPECT_THAT(report(bench::Run{}), HasSubstr("## Circumstances"));
  EXPECT_EQ(table(bench::Run{}), std::string(32, ' ') + "\n");
}

TEST(Report, ShowsWhatWasCounted) {
  bench::Run run = run_of(1, 1);
  EXPECT_THAT(report(run), Not(HasSubstr("hypercalls")));
  for (Sample &sample : run.samples) {
    if (sample.metric == "exit.port")
      sample.counts = {
          {"xen", 10'000},      {"kernels", sample.contender == "dom0" ? 20'000 : 5'000},
          {"programs", 10'000}, {"system-calls", 4},
          {"hypercalls", 7.5},  {"world-switches", 1}};
  }
  EXPECT_THAT(
      report(run),
      HasSubstr("| port read that QEMU emulates | Linstub | 25.0 | 0.62 | 10.0 | 5.0 | 10.0 "
                "| 4.0 | 7.5 | 1.0 |"));
}

TEST(Report, HasTheGroupsThatThereAreSamplesOf) {
  const std::string text = report(run_of(1, 1));
  EXPECT_THAT(text, HasSubstr("## Exits and CPU"));
  EXPECT_THAT(text, Not(HasSubstr("## Disk")));
  EXPECT_THAT(text, Not(HasSubstr("## Many guests")));
}

TEST(Report, SaysWhenTheLabHadTooLittleOfACore) {
  auto with_share = [](double share) {
    bench::Run run = run_of(1, 2);
    for (Sample &sample : run.samples)
      sample.share = share;
    return report(run);
  };
  EXPECT_THAT(with_share(1), Not(HasSubstr("of a core")));
  EXPECT_THAT(with_share(0.9),
              AllOf(HasSubstr("0.90 of a core (0.90 to 0.90)"), Not(HasSubstr("too little"))));
  EXPECT_THAT(with_share(0.2), HasSubstr("too little"));
}

TEST(Report, OfManyGuestsHasAModelWithItsError) {
  bench::Run run;
  for (uint32_t guests = 1; guests <= 4; guests++)
    run.samples.push_back({.contender = "linstub",
                           .metric = "density.dom0",
                           .round = 1,
                           .place = 1,
                           .guests = guests,
                           .value = (3.0 + 2.0 * guests) * (1 << 20)});
  EXPECT_THAT(report(run), HasSubstr("| Linstub | 4 | 4 | 3.0 | 2.0 ± 0.0 | 203.0 ± 0.0 | 2003.0 "
                                     "± 0.0 |"));
}

TEST(Report, AComparisonTellsAChangeFromNoise) {
  EXPECT_THAT(compare(run_of(1, 2), run_of(1, 3)),
              HasSubstr("| linstub | 2000.000 (2000.000 to 2000.000; 4) | 3000.000 (3000.000 to "
                        "3000.000; 4) | 1.50 (1.50 to 1.50) |"));
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

} // namespace
} // namespace linstub::bench
