// SPDX-License-Identifier: MIT
#include "lab/figures.hpp"

#include <cstdlib>
#include <format>

namespace linstub::lab {

using std::chrono::seconds;

const char *device_model_name(DeviceModel device_model) {
  switch (device_model) {
  case DeviceModel::linstub:
    return "stub domain (linstub-dm)";
  case DeviceModel::libxl_stub:
    return "stub domain (libxl's mode)";
  case DeviceModel::dom0:
    break;
  }
  return "QEMU in dom0";
}

base::Result<Figures> measure(const Host &host, DeviceModel device_model) {
  Figures figures{.device_model = device_model};
  auto begin = base::Clock::now();
  auto guest = TRY(GuestRun::create(
      host, {.name = "t-figures", .device_model = device_model, .direct_boot = true},
      seconds(120)));
  TRY(guest.wait_for("+ ready", seconds(240)));
  figures.create_to_userland = std::chrono::duration<double>(base::Clock::now() - begin).count();
  std::string answer = TRY(guest.ask("ports 300", seconds(120)));
  figures.port_read = std::strtod(answer.c_str() + std::string_view("+ ports ").size(), nullptr);
  TRY(host.check("xl destroy t-figures", seconds(60)));
  return figures;
}

std::string table(const std::vector<Figures> &figures) {
  std::string text =
      std::format("{:<28} {:>22} {:>18}\n", "device model", "create to userland", "port read");
  for (const Figures &one : figures)
    text += std::format("{:<28} {:>12.1f} s {:>6.2f}x {:>8.2f} ms {:>4.2f}x\n",
                        device_model_name(one.device_model), one.create_to_userland,
                        one.create_to_userland / figures.back().create_to_userland,
                        one.port_read / 1e6, one.port_read / figures.back().port_read);
  return text;
}

} // namespace linstub::lab
