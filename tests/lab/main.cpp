// SPDX-License-Identifier: MIT
// linstub-lab-tests: the scenarios, on a nested lab or on a real Xen host.
//
//     linstub-lab-tests --tree DIR [--config DIR] [--shape iommu] [--host user@xen]
//                       [gtest's options]
//
// Each scenario belongs to one shape of the lab, by its name: see the table in lab/machine.cpp. One
// run is of one shape.
//
// Exit status 0: all passed; 1: one failed; 69: the lab itself could not be had or broke. A test
// that fails while the emulator shows one of its known failures (or the lab does not answer any
// more) is run once more, on a fresh lab, and counted in the last lines.
#include "base/process.hpp"
#include "lab/signature.hpp"
#include "scenario.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <optional>

namespace linstub::lab {
namespace {

std::optional<Stage> the_stage;

// Which tests failed because the lab did.
class LabFailures : public ::testing::EmptyTestEventListener {
public:
  void OnTestEnd(const ::testing::TestInfo &test) override {
    std::string console = the_stage->console(); // also when it passed: the next test starts anew
    if (!test.result()->Failed())
      return;
    auto failure = emulator_failure(console);
    if (!failure && !the_stage->host().run("true", std::chrono::seconds(60)))
      failure = "dom0 does not answer any more";
    if (!failure)
      return;
    std::printf("[ LAB      ] %s.%s: %s\n", test.test_suite_name(), test.name(), failure->c_str());
    again += (again.empty() ? "" : ":") + std::string(test.test_suite_name()) + "." + test.name();
    count++;
  }

  std::string again; // a gtest filter
  int count = 0;
};

int run_all() {
  auto *failures = new LabFailures; // gtest owns it
  ::testing::UnitTest::GetInstance()->listeners().Append(failures);
  int status = RUN_ALL_TESTS();
  int failed = ::testing::UnitTest::GetInstance()->failed_test_count();
  int broken = failures->count;
  if (broken == 0) {
    std::printf("lab failures: 0\n");
    return status;
  }
  std::printf("lab failures: %d; run once more on a fresh lab: %s\n", broken,
              failures->again.c_str());
  if (auto renewed = the_stage->renew(); !renewed) {
    std::printf("%s\n", renewed.error().message().c_str());
    return base::infrastructure_failed;
  }
  GTEST_FLAG_SET(filter, failures->again);
  ::unsetenv("GTEST_TOTAL_SHARDS"); // all of these are this run's, also when it is one of several
  failures->again.clear();
  failures->count = 0;
  int second = RUN_ALL_TESTS();
  if (failures->count != 0)
    return base::infrastructure_failed;
  return failed > broken ? 1 : second;
}

} // namespace

Stage &stage() { return *the_stage; }

} // namespace linstub::lab

int main(int argc, char **argv) {
  using namespace linstub;
  ::testing::InitGoogleTest(&argc, argv);
  lab::StageOptions options;
  options.lab = "test";
  options.life = std::chrono::minutes(120);
  bool keep = false;
  CLI::App program("Linstub's lab scenarios", "linstub-lab-tests");
  program.add_option("--tree", options.tree, "An installed Linstub, to be put into dom0");
  program.add_option("--config", options.config, "The project's config directory");
  std::string shape(lab::shape_name(options.shape));
  program.add_option("--shape", shape,
                     "Which lab, and the scenarios for it: " + lab::shape_names());
  program.add_option("--host", options.host, "A real Xen host, user@host[:port]");
  program.add_option("--lab", options.lab, "Name of the lab");
  program.add_flag("--keep", keep, "Leave the lab running at the end");
  CLI11_PARSE(program, argc, argv);
  if (!lab::parse_shape(shape, options.shape)) {
    std::printf("there is no shape \"%s\": %s\n", shape.c_str(), lab::shape_names().c_str());
    return 2;
  }
  if (GTEST_FLAG_GET(filter) == "*")
    GTEST_FLAG_SET(filter, std::string(lab::facts_of(options.shape).scenarios));
  if (GTEST_FLAG_GET(list_tests))
    return RUN_ALL_TESTS();
  if (lab::facts_of(options.shape).only_when_thorough && !lab::thorough())
    return RUN_ALL_TESTS(); // all are skipped, and need no lab

  auto stage = lab::Stage::prepare(options);
  if (!stage) {
    std::printf("there is no lab: %s\n", stage.error().message().c_str());
    return base::infrastructure_failed;
  }
  lab::the_stage = std::move(*stage);
  int status = lab::run_all();
  if (!keep) {
    if (auto down = lab::stage().down(); !down)
      std::printf("%s\n", down.error().message().c_str());
  }
  return status;
}
