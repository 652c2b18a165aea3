// SPDX-License-Identifier: MIT
// linstub lab: a complete Xen host in an emulator, to try things in.
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "lab/lab.hpp"
#include "lab/screenshot.hpp"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

namespace linstub::cli {
namespace fs = std::filesystem;

using std::chrono::minutes;
using std::chrono::seconds;

namespace {

struct LabSettings {
  std::string config = "config";
  std::string name = "main";
  std::string shape = "warm";
  int life = 60;    // minutes
  int limit = 600;  // seconds
  std::string host; // a real host instead of a lab
  std::vector<std::string> words;
  std::string from;
  std::string to;
  bool json = false;
};
using Settings = std::shared_ptr<LabSettings>;

base::Result<lab::Host> find_host(const LabSettings &settings) {
  if (!settings.host.empty())
    return lab::Host(TRY(lab::parse_address(settings.host)));
  auto labs = TRY(lab::Labs::open(settings.config));
  auto state = TRY(labs.find(settings.name));
  if (!state)
    return base::fail("lab {} is not up: start it with `linstub lab up`", settings.name);
  return state->host();
}

base::Result<> up(const LabSettings &settings) {
  lab::LabOptions options{.name = settings.name, .life = minutes(settings.life)};
  if (!lab::parse_shape(settings.shape, options.shape))
    return base::fail("there is no shape \"{}\": {}", settings.shape, lab::shape_names());
  auto labs = TRY(lab::Labs::open(settings.config));
  auto begin = base::Clock::now();
  lab::LabState state = TRY(labs.up(options).transform_error(base::doing("lab up")));
  auto took = std::chrono::duration_cast<seconds>(base::Clock::now() - begin).count();
  std::printf("lab %s is up after %lld s (shape %s, ends by itself after %d min)\n",
              state.name.c_str(), static_cast<long long>(took), settings.shape.c_str(),
              settings.life);
  return {};
}

base::Result<> down(const LabSettings &settings) {
  return TRY(lab::Labs::open(settings.config)).down(settings.name);
}

base::Result<> status(const LabSettings &settings) {
  auto labs = TRY(lab::Labs::open(settings.config));
  auto all = TRY(labs.all());
  if (settings.json) {
    auto list = nlohmann::json::array();
    for (const lab::LabState &state : all)
      list.push_back({{"name", state.name},
                      {"shape", lab::shape_name(state.shape)},
                      {"pid", state.pid},
                      {"ssh_port", state.ssh_port},
                      {"console", state.console().string()}});
    std::puts(list.dump(2).c_str());
    return {};
  }
  if (all.empty())
    std::puts("No lab is up.");
  for (const lab::LabState &state : all)
    std::printf("%-12s %-6s ssh port %-6d Xen's console: %s\n", state.name.c_str(),
                std::string(lab::shape_name(state.shape)).c_str(), state.ssh_port,
                state.console().c_str());
  return {};
}

int run(const LabSettings &settings) {
  auto output = find_host(settings).and_then([&](const lab::Host &host) {
    return host.run(base::join(settings.words, " "), seconds(settings.limit));
  });
  if (!output) {
    finish(std::unexpected(output.error()), infrastructure_failed);
    return infrastructure_failed;
  }
  std::fputs(output->out.c_str(), stdout);
  std::fputs(output->err.c_str(), stderr);
  return output->status.signal == 0 ? output->status.code : failed;
}

base::Result<> put(const LabSettings &settings) {
  return TRY(find_host(settings)).put(settings.from, settings.to, seconds(settings.limit));
}

base::Result<> get(const LabSettings &settings) {
  return TRY(find_host(settings)).get(settings.from, settings.to, seconds(settings.limit));
}

// Puts an installed tree into dom0, as a package would.
base::Result<> install(const LabSettings &settings) {
  return TRY(find_host(settings)).put_tree(settings.from, "/", seconds(settings.limit));
}

base::Result<> console(const LabSettings &settings) {
  auto host = TRY(find_host(settings));
  base::Command ssh = host.interactive("exec xl console " + lab::quote(settings.from));
  ssh.argv.insert(ssh.argv.begin() + 1, "-t");
  std::vector<char *> argv;
  argv.reserve(ssh.argv.size() + 1);
  for (std::string &argument : ssh.argv)
    argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::execvp("ssh", argv.data());
  return base::fail_errno(errno, "start ssh");
}

base::Result<> screenshot(const LabSettings &settings) {
  auto host = TRY(find_host(settings));
  auto picture = TRY(
      lab::take_screenshot(host, settings.from, settings.to, base::Deadline::after(minutes(1))));
  std::printf("%s: %dx%d\n", settings.to.c_str(), picture.width, picture.height);
  return {};
}

CLI::App *add(CLI::App &parent, const Settings &settings, const char *name, const char *text,
              base::Result<> (*action)(const LabSettings &), int status = infrastructure_failed) {
  auto *command = parent.add_subcommand(name, text);
  command->callback([settings, action, status] { finish(action(*settings), status); });
  command->add_option("--name", settings->name, "Which lab")->capture_default_str();
  return command;
}

void on_any_host(CLI::App *command, const Settings &settings) {
  command->add_option("--host", settings->host, "A real Xen host, user@host[:port]");
  command->add_option("--limit", settings->limit, "Seconds it may take")->capture_default_str();
}

} // namespace

void add_lab_command(CLI::App &program) {
  auto settings = std::make_shared<LabSettings>();
  auto *command = program.add_subcommand("lab", "A complete Xen host in an emulator");
  command->require_subcommand(1);
  command->add_option("--config", settings->config, "The project's config directory")
      ->capture_default_str();

  auto *upping = add(*command, settings, "up", "Start it; builds what is missing", up);
  upping
      ->add_option("--shape", settings->shape,
                   "warm; iommu: booted cold with an IOMMU; libvirt: with libvirt and AppArmor; "
                   "counted: counts what it executes; smp: two CPUs")
      ->capture_default_str();
  upping->add_option("--life", settings->life, "Minutes after which it ends by itself")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  add(*command, settings, "down", "End it; all in its dom0 is gone", down, failed);
  add(*command, settings, "status", "Which labs are up", status, failed)
      ->add_flag("--json", settings->json, "For machines");

  auto *running = command->add_subcommand("run", "Run a shell command in dom0");
  running->add_option("--name", settings->name, "Which lab")->capture_default_str();
  on_any_host(running, settings);
  running->add_option("command", settings->words, "The command")->required();
  running->prefix_command(false)->positionals_at_end();
  running->callback([settings] {
    if (int status = run(*settings); status != 0)
      leave(status);
  });

  struct Copy {
    const char *name;
    const char *text;
    base::Result<> (*action)(const LabSettings &);
    const char *from;
    const char *to; // nullptr: takes no second argument
  };
  for (const Copy &copy : {
           Copy{"put", "Copy a file or directory into dom0", put, "here", "there"},
           Copy{"get", "Copy a file or directory from dom0", get, "there", "here"},
           Copy{"install", "Unpack an installed tree into dom0", install, "tree", nullptr},
           Copy{"console", "The console of a guest (xl console)", console, "domain", nullptr},
           Copy{"screenshot", "A guest's screen as a PNG file", screenshot, "domain", "file"},
       }) {
    auto *sub = add(*command, settings, copy.name, copy.text, copy.action, failed);
    on_any_host(sub, settings);
    sub->add_option(copy.from, settings->from)->required();
    if (copy.to != nullptr)
      sub->add_option(copy.to, settings->to)->required();
  }
  add_lab_test_command(*command);
  add_soak_command(*command);
}

} // namespace linstub::cli
