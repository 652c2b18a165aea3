// SPDX-License-Identifier: MIT
// linstub bench: what a stub domain costs and gives, beside QEMU in dom0.
#include "base/fd.hpp"
#include "bench/report.hpp"
#include "bench/run.hpp"
#include "cli/build_tree.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "lab/stage.hpp"

#include <fcntl.h>

#include <cstdio>
#include <memory>

namespace linstub::cli {
namespace {

constexpr size_t largest_run = size_t{64} << 20;

struct RunSettings {
  lab::StageOptions stage;
  std::string contenders = "dom0,linstub";
  uint32_t rounds = 5;
  bool quick = false;
  std::string output = "bench.jsonl";
};

base::Result<> run(RunSettings settings) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0); // to be followed through a pipe too
  bench::RunOptions options{
      .contenders = TRY(bench::parse_contenders(settings.contenders)),
      .rounds = settings.rounds,
      .thoroughness = settings.quick ? bench::Thoroughness::quick : bench::Thoroughness::full,
      .circumstances = {{"host", settings.stage.host.empty()
                                     ? "the lab: a Xen host in an emulator, with one CPU"
                                     : settings.stage.host},
                        {"rounds", std::to_string(settings.rounds)},
                        {"each", settings.quick ? "quick" : "full"}},
      .write = {},
      .tell = [](const std::string &said) { std::puts(said.c_str()); }};
  const base::Fd file = TRY(base::open_file(settings.output, O_WRONLY | O_CREAT | O_TRUNC, 0644));
  options.write = [&](const std::string &line) { return base::write_all(file, line + "\n"); };
  if (settings.stage.tree.empty() && settings.stage.host.empty())
    settings.stage.tree = installed_tree();
  settings.stage.lab = "bench";
  settings.stage.life = std::chrono::hours(12);
  auto stage = TRY(lab::Stage::prepare(settings.stage));
  auto measured = bench::run(stage.host(), options);
  auto down = settings.stage.host.empty() ? stage.down() : base::Result<>();
  const bench::Run run = TRY(std::move(measured));
  std::printf("\n%s\nthe samples are in %s; `linstub bench report %s` says more of them\n",
              bench::table(run).c_str(), settings.output.c_str(), settings.output.c_str());
  return down;
}

base::Result<bench::Run> read(const std::string &path) {
  return base::read_file(path, largest_run)
      .and_then([](const std::string &text) { return bench::parse_run(text); })
      .transform_error(base::doing("read the samples in {}", path));
}

base::Result<> compare(const std::string &old_path, const std::string &new_path) {
  const bench::Run before = TRY(read(old_path));
  std::fputs(bench::compare(before, TRY(read(new_path))).c_str(), stdout);
  return {};
}

void add_run_command(CLI::App &bench) {
  auto settings = std::make_shared<RunSettings>();
  auto *command = bench.add_subcommand(
      "run", "Measure the contenders in turn: in the lab, or on a real Xen host");
  command->add_option("--contenders", settings->contenders, "Which: dom0, linstub, libxl")
      ->capture_default_str();
  command->add_option("--rounds", settings->rounds, "How often each is measured")
      ->check(CLI::Range(1U, 10'000U))
      ->capture_default_str();
  command->add_flag("--quick", settings->quick, "Do each thing a few times only");
  command->add_option("-o,--output", settings->output, "Where the samples go, as lines of JSON")
      ->capture_default_str();
  command->add_option("--host", settings->stage.host, "A real Xen host, user@host[:port]");
  command->add_option("--tree", settings->stage.tree, "An installed Linstub, to be put into dom0");
  command->add_option("--config", settings->stage.config, "The project's config directory")
      ->capture_default_str();
  command->callback([settings] { finish(run(*settings), infrastructure_failed); });
}

void add_report_command(CLI::App &bench) {
  auto path = std::make_shared<std::string>();
  auto *command = bench.add_subcommand("report", "Show what samples say, as Markdown");
  command->add_option("FILE", *path, "The samples")->required();
  command->callback([path] {
    finish(read(*path).transform(
        [](const bench::Run &run) { std::fputs(bench::report(run).c_str(), stdout); }));
  });
}

void add_compare_command(CLI::App &bench) {
  auto paths = std::make_shared<std::pair<std::string, std::string>>();
  auto *command = bench.add_subcommand("compare", "Show what has changed from one run to another");
  command->add_option("OLD", paths->first, "The samples before")->required();
  command->add_option("NEW", paths->second, "The samples after")->required();
  command->callback([paths] { finish(compare(paths->first, paths->second)); });
}

} // namespace

void add_bench_command(CLI::App &program) {
  auto *bench =
      program.add_subcommand("bench", "Measure a guest under one device model and another");
  bench->require_subcommand(1);
  add_run_command(*bench);
  add_report_command(*bench);
  add_compare_command(*bench);
}

} // namespace linstub::cli
