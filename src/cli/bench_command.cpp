// SPDX-License-Identifier: MIT
// linstub bench: what a stub domain costs and gives, beside QEMU in dom0.
#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "bench/figures.hpp"
#include "bench/furnish.hpp"
#include "bench/report.hpp"
#include "bench/run.hpp"
#include "cli/build_tree.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "lab/signature.hpp"
#include "lab/stage.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <memory>

namespace linstub::cli {
namespace {

constexpr size_t largest_run = size_t{64} << 20;

struct RunSettings {
  lab::StageOptions stage;
  std::string shape = "warm";
  std::string contenders = "dom0,linstub";
  std::string groups;
  std::string bridge = "xenbr0";
  bench::Furniture furniture;
  std::string guest_cpu, stub_cpu;
  uint32_t rounds = 5;
  unsigned guests = 0;
  bool quick = false;
  bool from_cd = false;
  std::string output = "bench.jsonl";
};

std::string host_of(const RunSettings &settings) {
  if (!settings.stage.host.empty())
    return settings.stage.host;
  return base::format("the lab: a Xen host in an emulator, shape {} ({} CPU)", settings.shape,
                      lab::facts_of(settings.stage.shape).cpus);
}

std::string guest_of(const bench::Measure &measure) {
  using enum bench::Group;
  const std::string guest = "a small Linux of 128 MiB, ";
  if (measure.boot == bench::Boot::cd)
    return guest + "booted from an emulated CD";
  const bool joins = measure.groups.contains(network) || measure.groups.contains(state);
  return guest + "its kernel passed by dom0" + (joins ? "" : ", without a driver for its NIC");
}

bench::Circumstances circumstances_of(const RunSettings &settings, const bench::Measure &measure) {
  std::array<char, 32> now{};
  const std::time_t time = std::time(nullptr);
  std::strftime(now.data(), now.size(), "%Y-%m-%d %H:%M UTC", std::gmtime(&time));
  return {{"host", host_of(settings)},
          {"begun", now.data()},
          {"contenders in the first round", settings.contenders},
          {"rounds", std::to_string(settings.rounds)},
          {"each", settings.guests != 0 ? base::format("up to {} guests", settings.guests)
                   : settings.quick     ? "quick"
                                        : "full"},
          {"guest", guest_of(measure)}};
}

base::Result<> run(RunSettings settings) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0); // to be followed through a pipe too
  if (!lab::parse_shape(settings.shape, settings.stage.shape))
    return base::fail("there is no shape \"{}\": {}", settings.shape, lab::shape_names());
  bench::RunOptions options{.contenders = TRY(bench::parse_contenders(settings.contenders)),
                            .rounds = settings.rounds,
                            .guests = settings.guests,
                            .circumstances = {},
                            .write = {},
                            .tell = [](const std::string &said) { std::puts(said.c_str()); },
                            .excuse = {}};
  options.measure.thoroughness =
      settings.quick ? bench::Thoroughness::quick : bench::Thoroughness::full;
  options.measure.bridge = settings.bridge;
  options.measure.guest_cpu = settings.guest_cpu;
  options.measure.stub_cpu = settings.stub_cpu;
  if (settings.stage.shape == lab::Shape::smp && settings.guest_cpu.empty()) {
    options.measure.guest_cpu = "1"; // dom0 has the other one, and the device model with it
    options.measure.stub_cpu = "0";
  }
  options.measure.boot = settings.from_cd ? bench::Boot::cd : bench::boot_of(options.contenders);
  if (!settings.groups.empty())
    options.measure.groups = TRY(bench::parse_groups(settings.groups));
  TRY(bench::check(settings.furniture, options.contenders));
  options.circumstances = circumstances_of(settings, options.measure);
  const base::Fd file = TRY(base::open_file(settings.output, O_WRONLY | O_CREAT | O_TRUNC, 0644));
  options.write = [&](const std::string &line) { return base::write_all(file, line + "\n"); };
  if (settings.stage.tree.empty() && settings.stage.host.empty())
    settings.stage.tree = installed_tree();
  settings.stage.life = std::chrono::hours(12);
  auto stage = TRY(lab::Stage::prepare(settings.stage));
  static_cast<void>(stage.console());
  // A host that is not the lab has no console that can be read, and no excuse.
  options.excuse = [&] { return lab::emulator_failure(stage.console()); };
  auto measured = bench::furnish(stage, options, settings.furniture).and_then([&] {
    return bench::run(stage.host(), options);
  });
  base::log_failure(bench::clear(stage.host(), options));
  auto down = settings.stage.host.empty() ? stage.down() : base::Result<>();
  const auto [run, failures] = TRY(std::move(measured));
  std::printf("\n%s\nthe samples are in %s; `linstub bench report %s` says more of them\n",
              bench::table(run).c_str(), settings.output.c_str(), settings.output.c_str());
  if (!failures.empty())
    return base::fail("some could not be measured: {}", base::join(failures, "; "));
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

struct ReportSettings {
  std::vector<std::string> files;
  std::string plots; // a directory; empty: none
  std::string tools = "tools";
};

base::Result<> report(const ReportSettings &settings) {
  std::vector<bench::Run> runs;
  runs.reserve(settings.files.size());
  for (const std::string &file : settings.files)
    runs.push_back(TRY(read(file)));
  const bench::Run run = bench::join(std::move(runs));
  if (!settings.plots.empty()) {
    const std::string said = TRY(
        base::run_checked({.argv = {"python3", settings.tools + "/bench_plots.py", settings.plots}},
                          base::Deadline::after(std::chrono::minutes(5)), bench::figures(run))
            .transform_error(
                base::doing("draw the plots (they need Debian's python3-matplotlib)")));
    std::fputs(said.c_str(), stderr);
  }
  std::fputs(bench::report(run).c_str(), stdout);
  return {};
}

void add_run_command(CLI::App &bench) {
  auto settings = std::make_shared<RunSettings>();
  settings->stage.lab = "bench";
  auto *command = bench.add_subcommand(
      "run", "Measure the contenders in turn: in the lab, or on a real Xen host");
  command->add_option("--contenders", settings->contenders, "Which: " + bench::contender_names())
      ->capture_default_str();
  command->add_option("--rounds", settings->rounds, "How often each is measured")
      ->check(CLI::Range(1U, 10'000U))
      ->capture_default_str();
  command->add_option(
      "--groups", settings->groups,
      base::format("What is measured: {} (default: all of them)", bench::group_names()));
  command
      ->add_option("--guests", settings->guests,
                   "In place of that: what so many guests at a time cost")
      ->check(CLI::Range(3U, 1'000U));
  command->add_option("--minios", settings->furniture.minios,
                      "A directory with ioemu-stubdom.gz, an hvmloader with ROMBIOS, and qemu-dm, "
                      "for the contender minios");
  command->add_option("--qemu", settings->furniture.image_qemu,
                      "The QEMU that the image was built with, for the contender image-qemu");
  command->add_flag("--quick", settings->quick, "Do each thing a few times only");
  command->add_flag("--cd", settings->from_cd,
                    "Boot from a CD, also if all contenders could have their kernel from dom0");
  command->add_option("-o,--output", settings->output, "Where the samples go, as lines of JSON")
      ->capture_default_str();
  command->add_option("--host", settings->stage.host, "A real Xen host, user@host[:port]");
  command->add_option("--bridge", settings->bridge, "The bridge in dom0 that guests are joined to")
      ->capture_default_str();
  command->add_option("--guest-cpu", settings->guest_cpu,
                      "The physical CPU that guests are pinned to");
  command->add_option("--stub-cpu", settings->stub_cpu, "The same of their stub domains");
  command
      ->add_option("--shape", settings->shape,
                   "Which lab: warm (one CPU), smp (two), counted (instructions, not times)")
      ->capture_default_str();
  command->add_option("--name", settings->stage.lab, "The lab's name")->capture_default_str();
  command->add_option("--tree", settings->stage.tree, "An installed Linstub, to be put into dom0");
  command->add_option("--config", settings->stage.config, "The project's config directory")
      ->capture_default_str();
  command->callback([settings] { finish(run(*settings), infrastructure_failed); });
}

void add_report_command(CLI::App &bench) {
  auto settings = std::make_shared<ReportSettings>();
  auto *command = bench.add_subcommand("report", "Show what samples say, as Markdown");
  command
      ->add_option("FILE", settings->files, "The samples: one file, or several that make one run")
      ->required();
  command->add_option("--plots", settings->plots, "A directory for pictures, as SVG and PNG");
  command->add_option("--tools", settings->tools, "The project's tools directory")
      ->capture_default_str();
  command->callback([settings] { finish(report(*settings)); });
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
