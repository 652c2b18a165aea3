// SPDX-License-Identifier: MIT
// linstub-dm: what libxl runs as the device model of a guest.
#include "base/log.hpp"
#include "disk/disk_image.hpp"
#include "disk/tpm_state.hpp"
#include "dm/probe.hpp"
#include "dm/report.hpp"
#include "dm/serial_line.hpp"
#include "dm/serve_guest.hpp"
#include "plan/arguments.hpp"
#include "plan/drives.hpp"
#include "plan/stub_plan.hpp"
#include "sys/confine.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>

using namespace linstub;

namespace {

using base::Result;

void print_version() {
  std::printf("QEMU emulator version 10.0.0 (linstub-dm %s: QEMU runs in a stub domain)\n",
              LINSTUB_VERSION);
}

void print_help() {
  std::puts(
      "linstub-dm is started by libxl in place of QEMU. In a guest's xl.cfg:\n"
      "\n"
      "    device_model_override = \"" LINSTUB_DM "\"\n"
      "    device_model_args_hvm = [ \"-linstub\", \"memory=96,log-level=debug\" ]   (optional)\n"
      "\n"
      "Settings for all guests: " LINSTUB_SETTINGS_FILE);
}

// With dm_restrict=1 libxl limits its device model as suits a QEMU in dom0 (libxl_linux.c): files
// of at most 256 KiB, no locked memory. What QEMU could do is what a stub domain is for; linstub-dm
// copies kernels and states.
Result<> lift_limits() {
  constexpr std::array<int, 2> limits{RLIMIT_FSIZE, RLIMIT_MEMLOCK};
  return sys::lift_limits(limits).transform_error(base::doing("serve a guest with dm_restrict=1"));
}

// `status` learns what is found out about the image, and what the guest is called in the end.
Result<> serve(plan::Plan plan, run::Status &status) {
  xen::Control control = TRY(xen::Control::open());
  std::string xen = TRY(control.release());
  TRY(plan::check_type(plan.settings, xen));
  manifest::Image image = TRY(manifest::check_image(plan.settings.image, xen));
  status.version = image.identity.version;
  plan.physical_cpus = TRY(control.cpus());
  plan.may_have_pci = control.can_have_pci(*plan.guest);
  if (plan.tpm)
    TRY(disk::prepare_tpm_state(plan.tpm->path));
  for (const disk::Disk &disk : plan::disks_of(plan))
    TRY(disk::prepare_disk(disk, plan.settings.largest_disk));
  for (plan::PvConsole &console : plan.consoles) {
    if (console.port.kind == plan::SerialKind::pty)
      TRY(dm::open_pty(console.port));
  }
  return dm::serve_guest(std::move(plan), std::move(image), control, status);
}

int run_device_model(std::span<const std::string> arguments) {
  pid_t starter = dm::starter();
  auto failed = [&](const base::Error &error) {
    dm::report(starter, error.message());
    return 1;
  };
  if (auto lifted = lift_limits(); !lifted)
    return failed(lifted.error());
  auto settings = plan::load_settings(plan::settings_file);
  if (!settings)
    return failed(settings.error());
  auto plan = plan::translate(arguments, *settings);
  if (!plan)
    return failed(plan.error());
  base::set_log("linstub-dm", plan->settings.log_level);

  run::Status status{.guest = plan->name,
                     .domid = *plan->guest,
                     .stub_domain = std::nullopt,
                     .pid = ::getpid(),
                     .phase = "failed",
                     .image = plan->settings.image,
                     .version = {},
                     .memory = plan->settings.memory,
                     .since = ::time(nullptr),
                     .error = {},
                     .longest_turn = {}};
  auto served = serve(*plan, status);
  if (served) {
    run::remove_status(status);
    return 0;
  }
  status.error = served.error().message();
  [[maybe_unused]] auto written = run::write_status(status);
  return failed(served.error());
}

} // namespace

int main(int argc, char **argv) {
  base::set_log("linstub-dm", base::LogLevel::info);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  switch (plan::run_kind(arguments)) {
  case plan::Run::version:
    print_version();
    return 0;
  case plan::Run::help:
    print_help();
    return 0;
  case plan::Run::probe:
    if (auto served = dm::serve_probe(arguments); !served) {
      base::log_error("probe: {}", served.error().message());
      return 1;
    }
    return 0;
  case plan::Run::device_model:
    break;
  }
  return run_device_model(arguments);
}
