// SPDX-License-Identifier: MIT
// Linstub beside QEMU in dom0, in one run. Every metric is there, and not nonsense; times are
// printed and never judged: the host is emulated.
#include "bench/furnish.hpp"
#include "bench/metric.hpp"
#include "bench/report.hpp"
#include "bench/run.hpp"
#include "scenario.hpp"

namespace linstub::lab {
namespace {

class FiguresTest : public Scenario {
protected:
  // Each once; no failures.
  bench::Run measure(const std::vector<bench::Contender> &contenders, const bench::Groups &groups,
                     bench::Thoroughness thoroughness = bench::Thoroughness::quick);

  // Each metric that a contender can have is there, and is none that cannot be.
  void expect_all_of(const char *names, const bench::Groups &groups);
};

bench::Run FiguresTest::measure(const std::vector<bench::Contender> &contenders,
                                const bench::Groups &groups, bench::Thoroughness thoroughness) {
  bench::Run run;
  auto all = [&]() -> base::Result<> {
    bench::RunOptions options{
        .contenders = contenders, .circumstances = {}, .write = {}, .tell = {}, .excuse = {}};
    options.measure = {
        .thoroughness = thoroughness, .boot = bench::boot_of(contenders), .groups = groups};
    TRY(bench::furnish(stage(), options, {}));
    bench::Outcome outcome = TRY(bench::run(host(), options));
    EXPECT_THAT(outcome.failures, ::testing::IsEmpty());
    run = std::move(outcome.run);
    return {};
  };
  const auto done = all();
  EXPECT_TRUE(done) << why(done);
  return run;
}

void FiguresTest::expect_all_of(const char *names, const bench::Groups &groups) {
  const auto contenders = bench::parse_contenders(names);
  ASSERT_TRUE(contenders) << why(contenders);
  const bench::Run run = measure(*contenders, groups);
  std::printf("%s", bench::table(run).c_str());
  for (const bench::Contender &contender : *contenders) {
    for (const bench::Metric &metric : bench::metrics()) {
      const auto values = run.values(contender.name, metric.id);
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

TEST_F(FiguresTest, OfAhciPvScreenSaveRestoreMigrationAndUpgrade) {
  ONLY_WHEN_THOROUGH();
  using enum bench::Group;
  expect_all_of("linstub,dom0", {ahci, pv, screen, state});
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

// What an exit takes of the CPU, counted by the lab's emulator: no time, so it can be judged.
class Counted : public FiguresTest {};

// Of a port read: of all exits it is the one beside which a guest does least by its clock. What
// that takes of Xen, which emulates the guest's local APIC, is as much as the exit; so Xen's part
// is not judged.
TEST_F(Counted, AnExitTakesLessThanWithQemuInDom0) {
  using enum bench::Group;
  const auto contenders = bench::parse_contenders("linstub,dom0");
  ASSERT_TRUE(contenders) << why(contenders);
  const bench::Run run = measure(*contenders, {exit}, bench::Thoroughness::full);
  std::printf("%s", bench::report(run).c_str());
  auto count = [&](const char *contender, const char *what) {
    const auto counts = run.counts(contender, "exit.port", what);
    return counts.empty() ? 0 : counts[0];
  };
  auto instructions = [&](const char *contender) {
    return count(contender, "kernels") + count(contender, "programs");
  };
  ASSERT_GT(instructions("linstub"), 0);
  EXPECT_LT(instructions("linstub"), instructions("dom0"));
  // Four of QEMU's and one of the guest's, and what else there was in that time.
  constexpr double most_calls = 5.8;
  EXPECT_GT(count("linstub", "system-calls"), 1) << "they are not counted";
  EXPECT_LT(count("linstub", "system-calls"), most_calls);
}

} // namespace
} // namespace linstub::lab
