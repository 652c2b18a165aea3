// linstub-dm: what libxl runs as the device model of a guest.
#include "base/log.hpp"
#include "dm/arguments.hpp"
#include "dm/device_model.hpp"
#include "dm/disk_image.hpp"
#include "dm/probe.hpp"
#include "dm/report.hpp"

#include <unistd.h>

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

// `status` learns what is found out about the image.
Result<> serve(const dm::Plan &plan, dm::Status &status) {
  xen::Control control = TRY(xen::Control::open());
  std::string xen = TRY(control.release());
  dm::Image image = TRY(dm::check_image(plan.settings.image, xen));
  status.version = image.manifest.version;
  for (const dm::Disk &disk : plan.disks)
    TRY(dm::prepare_disk(disk));
  return dm::DeviceModel::run(plan, std::move(image), std::move(control), status);
}

int run_device_model(std::span<const std::string> arguments) {
  pid_t starter = dm::starter();
  auto failed = [&](const base::Error &error) {
    dm::report(starter, error.message());
    return 1;
  };
  auto settings = dm::load_settings(dm::settings_file);
  if (!settings)
    return failed(settings.error());
  auto plan = dm::translate(arguments, *settings);
  if (!plan)
    return failed(plan.error());
  base::set_log("linstub-dm", plan->settings.log_level);

  dm::Status status{.guest = plan->name,
                    .domid = *plan->guest,
                    .stub_domain = std::nullopt,
                    .pid = ::getpid(),
                    .phase = "failed",
                    .image = plan->settings.image,
                    .version = {},
                    .memory = plan->settings.memory,
                    .since = ::time(nullptr),
                    .error = {}};
  auto served = serve(*plan, status);
  if (served) {
    dm::remove_status(status.guest);
    return 0;
  }
  status.error = served.error().message();
  [[maybe_unused]] auto written = dm::write_status(status);
  return failed(served.error());
}

} // namespace

int main(int argc, char **argv) {
  base::set_log("linstub-dm", base::LogLevel::info);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  switch (dm::run_kind(arguments)) {
  case dm::Run::version:
    print_version();
    return 0;
  case dm::Run::help:
    print_help();
    return 0;
  case dm::Run::probe:
    if (auto served = dm::serve_probe(arguments); !served) {
      base::log_error("probe: {}", served.error().message());
      return 1;
    }
    return 0;
  case dm::Run::device_model:
    break;
  }
  return run_device_model(arguments);
}
