// SPDX-License-Identifier: MIT
// Linstub beside QEMU in dom0, in one run. Every metric is there, and not nonsense; times are
// printed and never judged: the host is emulated.
#include "bench/metric.hpp"
#include "bench/report.hpp"
#include "bench/run.hpp"
#include "scenario.hpp"

namespace linstub::lab {
namespace {

class FiguresTest : public Scenario {
protected:
  // Each metric that a contender can have is there, and is none that cannot be.
  void expect_all_of(const char *names, const bench::Groups &groups);
};

void FiguresTest::expect_all_of(const char *names, const bench::Groups &groups) {
  auto contenders = bench::parse_contenders(names);
  ASSERT_TRUE(contenders) << why(contenders);
  bench::RunOptions options{
      .contenders = *contenders, .circumstances = {}, .write = {}, .tell = {}, .excuse = {}};
  options.measure = {.thoroughness = bench::Thoroughness::quick,
                     .boot = bench::boot_of(*contenders),
                     .groups = groups};
  if (options.measure.boot == bench::Boot::cd) {
    ASSERT_TRUE(stage().add_tiny_cd());
  }
  auto outcome = bench::run(host(), options);
  ASSERT_TRUE(outcome) << why(outcome);
  EXPECT_THAT(outcome->failures, ::testing::IsEmpty());
  std::printf("%s", bench::table(outcome->run).c_str());
  for (const bench::Contender &contender : *contenders) {
    for (const bench::Metric &metric : bench::metrics()) {
      const auto values = outcome->run.values(contender.name, metric.id);
      ASSERT_EQ(values.size(), bench::expects(contender, metric, groups) ? 1U : 0U)
          << contender.name << " " << metric.id;
      if (!values.empty()) {
        EXPECT_TRUE(values[0] > 0 || (values[0] == 0 && metric.may_be_zero))
            << contender.name << " " << metric.id << " " << values[0];
      }
    }
  }
}

// Without what wants further starts of the guest, and takes minutes.
TEST_F(FiguresTest, BesideQemuInDom0) {
  using enum bench::Group;
  expect_all_of("linstub,dom0", {start, exit, disk, network, resources});
}

TEST_F(FiguresTest, OfAhciSaveRestoreAndUpgrade) {
  ONLY_WHEN_THOROUGH();
  using enum bench::Group;
  expect_all_of("linstub,dom0", {ahci, state});
}

TEST_F(FiguresTest, OfLibxlsMode) {
  ONLY_WHEN_THOROUGH();
  using enum bench::Group;
  expect_all_of("libxl", {start, exit, disk, network, resources});
}

TEST_F(FiguresTest, OfManyGuests) {
  ONLY_WHEN_THOROUGH();
  auto contenders = bench::parse_contenders("linstub,dom0");
  ASSERT_TRUE(contenders) << why(contenders);
  constexpr unsigned guests = 3;
  auto outcome = bench::run(host(), {.contenders = *contenders,
                                     .guests = guests,
                                     .circumstances = {},
                                     .write = {},
                                     .tell = {},
                                     .excuse = {}});
  ASSERT_TRUE(outcome) << why(outcome);
  EXPECT_THAT(outcome->failures, ::testing::IsEmpty());
  const bench::Run *run = &outcome->run;
  for (const bench::Contender &contender : *contenders) {
    for (const bench::Metric &metric : bench::density_metrics()) {
      if (bench::expects(contender, metric, {metric.group})) {
        EXPECT_EQ(run->values(contender.name, metric.id).size(), guests)
            << contender.name << " " << metric.id;
      }
    }
    const auto line = bench::fit(bench::density_points(*run, contender.name, "density.dom0"));
    ASSERT_TRUE(line) << why(line);
    EXPECT_GT(line->each, 0) << contender.name;
  }
}

} // namespace
} // namespace linstub::lab
