// SPDX-License-Identifier: MIT
#include "lab/soak.hpp"

#include "lab/signature.hpp"

namespace linstub::lab {
namespace {

using base::Deadline;
using std::chrono::seconds;

constexpr const char *name = "t-soak";
constexpr auto create_limit = seconds(120);
constexpr auto boot_limit = seconds(240);
constexpr auto command_limit = seconds(120);

// A round: programs start and end, memory and the disk are written, the toolstack and xenstored
// are asked. It ends with the guest's state, as `xl list` has it.
constexpr const char *round = R"sh(
for i in 1 2 3 4 5 6 7 8; do /bin/true; ps >/dev/null; done
dd if=/dev/urandom bs=64k count=16 2>/dev/null | gzip -1 | sha256sum >/dev/null
dd if=/dev/zero of=/var/tmp/soak bs=64k count=32 conv=fsync 2>/dev/null
rm -f /var/tmp/soak
xenstore-ls >/dev/null
xl info >/dev/null
xl list t-soak 2>/dev/null | awk 'NR == 2 { print $5 }'
)sh";

bool runs(std::string_view state) {
  return !state.empty() && state.find_first_of("scd") == std::string_view::npos;
}

} // namespace

base::Result<SoakReport> soak(Stage &stage, const SoakOptions &options,
                              const std::function<void(const SoakReport &)> &progress) {
  const Host &host = stage.host();
  GuestRun guest =
      TRY(GuestRun::create(host,
                           {.name = name,
                            .device_model = options.device_model,
                            .direct_boot = true,
                            .extra = {"on_crash = \"preserve\"", //
                                      "on_reboot = \"preserve\"", "on_poweroff = \"preserve\""}},
                           create_limit));
  TRY(guest.wait_for("+ ready", boot_limit));
  SoakReport report;
  auto begin = base::Clock::now();
  Deadline end = Deadline::after(options.time);
  while (report.death.empty() && !end.passed()) {
    std::string state = TRY(host.check(round, command_limit));
    report.rounds++;
    report.lived = std::chrono::duration_cast<seconds>(base::Clock::now() - begin);
    if (!runs(state))
      report.death = state.empty() ? "its domain is gone" : "xl list says " + state;
    progress(report);
  }
  if (report.death.empty()) {
    if (auto answer = guest.ask("hello", command_limit); !answer)
      report.death = answer.error().message();
  }
  report.survived = report.death.empty();
  if (!report.survived)
    report.signature = emulator_failure(stage.console()).value_or("");
  TRY(host.check(base::format("xl destroy {}", name), command_limit));
  return report;
}

} // namespace linstub::lab
