// SPDX-License-Identifier: MIT
// linstub demo: a guest of Debian on a stub domain, from `xl create` to a picture of its screen.
#include "bench/report.hpp"
#include "bench/run.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "lab/inventory.hpp"
#include "lab/screenshot.hpp"
#include "lab/stage.hpp"

#include <array>
#include <cstdio>
#include <future>
#include <memory>

namespace linstub::cli {

using std::chrono::seconds;

namespace {

struct DemoSettings {
  lab::StageOptions stage;
  std::string picture = "guest.png";
  bool keep = false;
  bool quick = false;
  bool compare = false;
};

constexpr const char *name = "demo";

// Where QEMU runs, and what the guest costs: domains with their memory, dom0's processes for it.
constexpr const char *costs = R"sh(
echo "domain                memory"
xl list | awk 'NR > 1 { printf "%-20s %5d MiB\n", $1, $3 }'
echo
echo "process in dom0 for this guest        memory (proportional)"
for p in $(ps -eo pid,comm --no-headers | awk -v names="$device_models" '$2 ~ names { print $1 }'); do
  awk -v what="$(tr '\0' ' ' < /proc/$p/comm)" '/^Pss:/ { printf "%-36s %6d KiB\n", what, $2 }' /proc/$p/smaps_rollup
done
echo
printf 'QEMU in dom0: '; ps -eo comm --no-headers | grep -c qemu || true
printf 'QEMU in the stub domain: '; linstub status --json | grep -c '"phase": *"serving"'
)sh";

// What Debian's guest says on its console, in this order, while it boots.
constexpr std::array steps{"+ hello", "+ disk", "+ net", "+ banner", "+ ready"};

base::Result<> show(const lab::Host &host, const DemoSettings &settings) {
  std::puts("\n== xl create: a Debian guest whose QEMU runs in a stub domain");
  auto begin = base::Clock::now();
  auto guest = TRY(lab::GuestRun::create(
      host, {.name = name, .disk = "/lab/debian.img", .cdrom = "/lab/debian.iso", .memory = 256},
      seconds(120)));
  auto elapsed = [&] { return std::chrono::duration<double>(base::Clock::now() - begin).count(); };
  std::printf("created after %.1f s; its BIOS and boot loader now read Debian's kernel from an "
              "emulated\nCD drive, a word at a time, which takes a minute here. Its own words:\n",
              elapsed());
  for (const char *step : steps) {
    const std::string said = TRY(guest.wait_for(step, seconds(400)));
    std::printf("%6.1f s  %s\n", elapsed(), said.c_str());
  }

  auto picture =
      TRY(lab::take_screenshot(host, name, settings.picture, base::Deadline::after(seconds(60))));
  std::printf("\n== its screen is in %s (%dx%d)\n\n", settings.picture.c_str(), picture.width,
              picture.height);

  std::puts("== where QEMU runs");
  std::puts(TRY(host.check(std::string(lab::name_device_models) + costs, seconds(90))).c_str());
  TRY(host.check(base::format("xl destroy {}", name), seconds(60)));
  return {};
}

base::Result<std::string> compare(const lab::Host &host) {
  using enum bench::Group;
  bench::RunOptions options{.contenders = TRY(bench::parse_contenders("linstub,dom0")),
                            .circumstances = {},
                            .write = {},
                            .tell = {},
                            .excuse = {}};
  options.measure.thoroughness = bench::Thoroughness::quick;
  options.measure.groups = {start, exit, disk, resources};
  const auto [run, failures] = TRY(bench::run(host, options));
  if (!failures.empty())
    return base::fail("{}", base::join(failures, "; "));
  return bench::table(run);
}

// In a lab of its own, which has the machine's other core.
base::Result<std::string> compare_apart(lab::StageOptions options) {
  options.lab = "demo-beside";
  options.tiny = true;
  options.debian = false;
  auto stage = TRY(lab::Stage::prepare(options));
  auto table = compare(stage.host());
  TRY(stage.down());
  return table;
}

// The comparison needs a guest with a kernel of its own, which takes as long to compile as that of
// the image: a first demo goes without it.
bool comparing(const DemoSettings &settings) {
  if (settings.quick || settings.compare)
    return settings.compare;
  auto cache = cache::Cache::open();
  return cache && lab::has_tiny_kernel(*cache, settings.stage.config);
}

base::Result<> demo(DemoSettings settings) {
  const bool compares = comparing(settings);
  settings.stage.lab = "demo";
  settings.stage.tiny = compares;
  settings.stage.debian = true;
  std::setvbuf(stdout, nullptr, _IOLBF, 0); // to be followed through a pipe too
  std::puts("== a Xen host in an emulator: start it, install Linstub, copy the guests");
  auto stage = TRY(lab::Stage::prepare(settings.stage));
  std::future<base::Result<std::string>> apart;
  if (compares && settings.stage.host.empty())
    apart = std::async(std::launch::async, compare_apart, settings.stage);
  auto shown = show(stage.host(), settings);
  if (compares) {
    auto table = apart.valid() ? apart.get() : compare(stage.host());
    if (table)
      std::printf("\n== beside QEMU in dom0, in this run (a tiny guest, booted directly)\n%s\n",
                  table->c_str());
    else if (shown)
      shown = std::unexpected(table.error());
  } else if (!settings.quick) {
    std::puts(
        "== beside QEMU in dom0: not shown, because the guest for it has a kernel that is not "
        "compiled\n   yet; ./dev test makes it, or ./dev demo --compare (some minutes)");
  }
  if (!settings.keep) {
    auto down = stage.down();
    if (shown)
      shown = std::move(down);
  } else {
    std::puts("the lab is still up: linstub lab run --name demo xl list");
  }
  return shown;
}

} // namespace

void add_demo_command(CLI::App &program) {
  auto settings = std::make_shared<DemoSettings>();
  auto *command = program.add_subcommand("demo", "Run a guest on a stub domain and show it");
  command->add_option("--tree", settings->stage.tree, "An installed Linstub, to be put into dom0");
  command->add_option("--config", settings->stage.config, "The project's config directory")
      ->capture_default_str();
  command->add_option("--host", settings->stage.host, "A real Xen host, user@host[:port]");
  command->add_option("--picture", settings->picture, "Where to put the picture of the screen")
      ->capture_default_str();
  command->add_flag("--keep", settings->keep, "Leave the lab running at the end");
  auto *quick =
      command->add_flag("--quick", settings->quick, "Leave the comparison with QEMU in dom0 out");
  command
      ->add_flag("--compare", settings->compare,
                 "Compare with QEMU in dom0, even if that guest's kernel has to be compiled first")
      ->excludes(quick);
  command->callback([settings] { finish(demo(*settings), infrastructure_failed); });
}

} // namespace linstub::cli
