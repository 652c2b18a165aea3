// SPDX-License-Identifier: MIT
// linstub lab soak: does an idle guest live beside a busy dom0?
#include "cli/build_tree.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "lab/soak.hpp"

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

namespace linstub::cli {
namespace {

using std::chrono::minutes;

constexpr auto life_beyond_soak = minutes(20); // the lab's: boot, guests, the end

struct SoakSettings {
  lab::StageOptions stage{.lab = "soak"};
  int time = 30; // minutes
  bool beside_dom0 = false;
  bool keep = false;
  bool json = false;
};

void print_progress(const lab::SoakReport &report) {
  if (::isatty(STDERR_FILENO) == 0)
    return;
  std::fprintf(stderr, "\rthe guest lives: %lld s, %d rounds ",
               static_cast<long long>(report.lived.count()), report.rounds);
}

void print(const lab::SoakReport &report, const SoakSettings &settings) {
  if (settings.json) {
    nlohmann::json text{{"survived", report.survived},
                        {"seconds", report.lived.count()},
                        {"rounds", report.rounds},
                        {"death", report.death},
                        {"signature", report.signature}};
    std::puts(text.dump(2).c_str());
    return;
  }
  std::printf("the guest %s %lld s beside a busy dom0, %d rounds\n",
              report.survived ? "has survived" : "died after",
              static_cast<long long>(report.lived.count()), report.rounds);
  if (!report.survived)
    std::printf("%s\n%s\n", report.death.c_str(),
                report.signature.empty() ? "no known failure of the emulator"
                                         : report.signature.c_str());
}

// 0: it lives; 1: it died; 69: it died of the emulator.
int run(const SoakSettings &settings) {
  auto report = [&]() -> base::Result<lab::SoakReport> {
    lab::StageOptions options = settings.stage;
    if (options.tree.empty() && options.host.empty())
      options.tree = installed_tree();
    options.life = minutes(settings.time) + life_beyond_soak;
    auto stage = TRY(lab::Stage::prepare(options));
    auto soaked = lab::soak(
        stage,
        {.time = minutes(settings.time),
         .device_model = settings.beside_dom0 ? lab::DeviceModel::dom0 : lab::DeviceModel::linstub},
        print_progress);
    if (!settings.keep)
      TRY(stage.down());
    return soaked;
  }();
  if (::isatty(STDERR_FILENO) != 0)
    std::fputc('\n', stderr);
  if (!report)
    finish(std::unexpected(report.error()), infrastructure_failed);
  print(*report, settings);
  if (report->survived)
    return 0;
  return report->signature.empty() ? failed : infrastructure_failed;
}

} // namespace

void add_soak_command(CLI::App &lab) {
  auto settings = std::make_shared<SoakSettings>();
  auto *command = lab.add_subcommand("soak", "See whether an idle guest lives beside a busy dom0");
  command->add_option("--name", settings->stage.lab, "Which lab")->capture_default_str();
  command->add_option(
      "--tree", settings->stage.tree,
      "An installed Linstub, to be put into dom0 (default: that of ./dev build, but "
      "nothing on a real host)");
  command->add_option("--host", settings->stage.host, "A real Xen host, user@host[:port]");
  command->add_option("--minutes", settings->time, "How long")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_flag("--qemu-in-dom0", settings->beside_dom0,
                    "Without Linstub, for comparison: QEMU in dom0");
  command->add_flag("--keep", settings->keep, "Leave the lab running at the end");
  command->add_flag("--json", settings->json, "As JSON, for programs");
  command->callback([settings, &lab] {
    settings->stage.config = lab.get_option("--config")->as<std::string>();
    if (int status = run(*settings); status != 0)
      leave(status);
  });
}

} // namespace linstub::cli
