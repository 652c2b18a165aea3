// SPDX-License-Identifier: MIT
// linstub lab test: the scenarios, each on a fresh lab, several at once.
#include "cli/build_tree.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "lab/test_run.hpp"

#include <cstdio>
#include <memory>

namespace linstub::cli {
namespace {

struct TestSettings {
  lab::TestRunOptions run{.program = built_scenarios()};
  std::string shape;
  int rounds = 0;
  bool thorough = false;
};

base::Result<lab::TestRun> run(const TestSettings &settings) {
  lab::TestRunOptions options = settings.run;
  if (options.program.empty())
    return base::fail(
        "the scenarios are not built: `./dev test unit` builds them; or give --program");
  if (lab::Shape shape{}; !settings.shape.empty()) {
    if (!lab::parse_shape(settings.shape, shape))
      return base::fail("there is no shape \"{}\": {}", settings.shape, lab::shape_names());
    options.shape = shape;
  }
  if (options.tree.empty() && options.host.empty()) {
    options.tree = installed_tree();
    if (options.tree.empty())
      return base::fail("there is no Linstub to put into the lab: make one with `./dev build`, or "
                        "give --tree");
  }
  if (settings.thorough)
    options.environment.emplace_back("LINSTUB_THOROUGH=1");
  if (settings.rounds != 0)
    options.environment.push_back(base::format("LINSTUB_ROUNDS={}", settings.rounds));
  return lab::run_scenarios(options);
}

} // namespace

void add_lab_test_command(CLI::App &lab) {
  auto settings = std::make_shared<TestSettings>();
  lab::TestRunOptions &run_options = settings->run;
  auto *command = lab.add_subcommand("test", "Run the scenarios");
  command->add_option("--tree", run_options.tree,
                      "An installed Linstub, to be put into dom0 (default: that of ./dev build, "
                      "but nothing on a real host)");
  command->add_option("--program", run_options.program, "The scenarios")->capture_default_str();
  command->add_option("--filter", run_options.filter, "Only these, as gtest's filter says");
  command->add_option("--shape", settings->shape, "Only those of one shape: " + lab::shape_names());
  command->add_flag("--thorough", settings->thorough, "Also those that a usual run leaves out");
  command->add_option("--rounds", settings->rounds, "Rounds of what goes round")
      ->check(CLI::PositiveNumber);
  command->add_option("--name", run_options.labs, "Of the labs: NAME-1 and so on")
      ->capture_default_str();
  command
      ->add_option("--labs", run_options.count,
                   "How many at once (default: 1, or 2 where 13 GiB are free)")
      ->check(CLI::PositiveNumber);
  auto *one = command->add_option("--lab", run_options.lab, "A lab that is up and stays up");
  command->add_option("--host", run_options.host, "A real Xen host, user@host[:port]")
      ->excludes(one);
  command->callback([settings, &lab] {
    settings->run.config = lab.get_option("--config")->as<std::string>();
    auto ended = run(*settings);
    if (!ended)
      return finish(std::unexpected(ended.error()), infrastructure_failed);
    std::fputs(ended->summary.c_str(), stdout);
    if (ended->status != 0)
      leave(ended->status);
  });
}

} // namespace linstub::cli
