// SPDX-License-Identifier: MIT
// Linstub beside QEMU in dom0, in one run. Every metric is there, and not nonsense; times are
// printed and never judged: the host is emulated.
#include "bench/metric.hpp"
#include "bench/report.hpp"
#include "bench/run.hpp"
#include "scenario.hpp"

namespace linstub::lab {
namespace {

class FiguresTest : public Scenario {};

TEST_F(FiguresTest, BesideQemuInDom0) {
  auto contenders = bench::parse_contenders(thorough() ? "linstub,dom0,libxl" : "linstub,dom0");
  ASSERT_TRUE(contenders) << why(contenders);
  auto run = bench::run(host(), {.contenders = *contenders,
                                 .rounds = 1,
                                 .thoroughness = bench::Thoroughness::quick,
                                 .circumstances = {},
                                 .write = {},
                                 .tell = {}});
  ASSERT_TRUE(run) << why(run);
  std::printf("%s", bench::table(*run).c_str());
  for (const bench::Contender &contender : *contenders) {
    for (const bench::Metric &metric : bench::metrics()) {
      const auto values = run->values(contender.name, metric.id);
      ASSERT_EQ(values.size(), 1U) << contender.name << " " << metric.id;
      const bool none = metric.id == "memory.stub" && contender.name == bench::reference;
      EXPECT_EQ(values[0] > 0, !none) << contender.name << " " << metric.id;
    }
  }
}

} // namespace
} // namespace linstub::lab
