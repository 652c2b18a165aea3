// SPDX-License-Identifier: MIT
// linstub spares: stub domains that are there before a guest asks for one.
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "run/spares.hpp"
#include "xen/control.hpp"

#include <algorithm>
#include <cstdio>

namespace linstub::cli {
namespace {

constexpr auto limit = std::chrono::minutes(5);

base::Result<> keep(const std::optional<uint32_t> &count) {
  std::vector<std::string> argv{LINSTUB_STUBDOM, "spares"};
  if (count)
    argv.push_back(std::to_string(*count));
  TRY(base::run_checked({.argv = std::move(argv)}, base::Deadline::after(limit)));
  const std::string ready = ready_spares();
  std::printf("%s.\n", ready.empty() ? "There is no spare stub domain" : ready.c_str());
  return {};
}

} // namespace

// Who may not ask Xen has to believe the records.
std::string ready_spares() {
  auto control = xen::Control::open();
  const auto domains = control ? control->domains() : std::unexpected(control.error());
  const auto is_ready = [&](const run::Spare &spare) {
    const auto lives = [&](const xen::DomainInfo &domain) {
      return domain.uuid == spare.uuid && !domain.has_ended();
    };
    return spare.stage == run::SpareStage::ready &&
           (!domains || std::ranges::any_of(*domains, lives));
  };
  const auto ready = std::ranges::count_if(run::spares(), is_ready);
  if (ready == 0)
    return "";
  return base::format("{} spare stub domain{}", ready, ready == 1 ? " is ready" : "s are ready");
}

void add_spares_command(CLI::App &program) {
  auto count = std::make_shared<std::optional<uint32_t>>();
  auto *command = program.add_subcommand(
      "spares", "Make stub domains before there are guests for them, or end those");
  command->add_option("count", *count,
                      "How many there shall be; by default as many as the setting "
                      "\"spares\" says");
  command->footer(
      "With spares = N in linstub.toml, a guest takes one of them in place of waiting until its "
      "own is\nmade, if its settings are the host's; a minute after its start another one is made. "
      "Each has the\nmemory of a stub domain and does nothing. After a boot of the host there are "
      "none: the service\nlinstub-spares, if it is enabled, makes them.");
  command->callback([count] { finish(keep(*count)); });
}

} // namespace linstub::cli
