// SPDX-License-Identifier: MIT
// linstub pci: which PCI devices are passed through to guests that have a stub domain.
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "pci/pci_list.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace linstub::cli {
namespace {

enum class Format { table, json };

std::string_view space_name(pci::PciSpace space) {
  return space == pci::PciSpace::ports ? "ports" : "memory";
}

void print_table(const std::vector<pci::AssignedPci> &all) {
  if (all.empty()) {
    std::puts("No stub domain has a PCI device.");
    return;
  }
  std::printf("%-12s %-9s %-20s %6s %6s %-10s %s\n", "DEVICE", "ID", "GUEST", "DOMID", "STUB",
              "INTERRUPT", "RANGES");
  for (const pci::AssignedPci &one : all) {
    std::string ranges;
    for (const pci::PciRange &range : one.host.ranges)
      ranges += base::format("{}{} {:x}-{:x}", ranges.empty() ? "" : ", ", space_name(range.space),
                             range.first, range.first + range.size - 1);
    std::printf("%-12s %-9s %-20s %6s %6s %-10s %s\n", xen::text(one.host.address).c_str(),
                base::format("{:04x}:{:04x}", one.host.vendor, one.host.device).c_str(),
                one.guest_name.empty() ? "(gone)" : one.guest_name.c_str(),
                base::format("{}", one.guest).c_str(), base::format("{}", one.stub).c_str(),
                std::string(pci::interrupt_name(one.interrupt)).c_str(), ranges.c_str());
    if (!one.interrupt_control)
      std::puts("  warning: xen-pciback does not let the stub domain switch its interrupts: MSI "
                "and MSI-X do not work");
  }
}

void print_json(const std::vector<pci::AssignedPci> &all) {
  using Json = nlohmann::json;
  Json list = Json::array();
  for (const pci::AssignedPci &one : all) {
    Json ranges = Json::array();
    for (const pci::PciRange &range : one.host.ranges)
      ranges.push_back(
          {{"space", space_name(range.space)}, {"first", range.first}, {"size", range.size}});
    list.push_back({{"device", xen::text(one.host.address)},
                    {"vendor-id", one.host.vendor},
                    {"device-id", one.host.device},
                    {"guest", one.guest_name},
                    {"domid", xen::number(one.guest)},
                    {"stub-domain", xen::number(one.stub)},
                    {"interrupt", pci::interrupt_name(one.interrupt)},
                    {"interrupt-line", one.host.interrupt},
                    {"interrupt-control", one.interrupt_control},
                    {"ranges", std::move(ranges)}});
  }
  constexpr int indent = 2;
  std::puts(list.dump(indent).c_str());
}

base::Result<> show(Format format) {
  auto xenstore = TRY(xen::Xenstore::connect());
  auto all = TRY(pci::assigned_pci(xenstore));
  format == Format::json ? print_json(all) : print_table(all);
  return {};
}

} // namespace

void add_pci_command(CLI::App &program) {
  auto *command = program.add_subcommand(
      "pci", "Show the PCI devices that are passed through by way of stub domains");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "As JSON, for programs");
  command->callback([json] { finish(show(*json ? Format::json : Format::table)); });
}

} // namespace linstub::cli
