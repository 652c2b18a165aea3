// SPDX-License-Identifier: MIT
#include "qmp/policy.hpp"

#include "qmp/human_policy.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace linstub::qmp {
namespace {

constexpr std::string_view no_colo = "linstub-dm does not support COLO replication";
constexpr std::string_view no_change = "use blockdev-change-medium";
constexpr std::string_view no_files =
    "linstub-dm does not let QEMU open files: it runs in a stub domain, where dom0's files are not";

const std::vector<Rule> &table() {
  static const std::vector<Rule> rules{
      {.command = "query-vnc", .action = Action::answer},
      {.command = "query-chardev", .action = Action::answer},
      {.command = "add-fd", .action = Action::answer},
      {.command = "remove-fd", .action = Action::answer},
      {.command = "xen-save-devices-state", .action = Action::answer},
      {.command = "eject", .action = Action::answer},
      {.command = "cont", .action = Action::answer},
      {.command = "blockdev-change-medium", .action = Action::answer},

      {.command = "query-status",
       .action = Action::forward,
       .leaves = Leaves::nothing,
       .result = {Kind::object, {{"status", Type::string}, {"running", Type::boolean}}}},
      {.command = "query-version",
       .action = Action::forward,
       .leaves = Leaves::nothing,
       .result = {Kind::object, {}}},
      {.command = "query-name",
       .action = Action::forward,
       .leaves = Leaves::nothing,
       .result = {Kind::object, {}}},
      {.command = "query-commands",
       .action = Action::forward,
       .leaves = Leaves::nothing,
       .result = {Kind::list, {{"name", Type::string}}}},
      {.command = "query-cpus-fast",
       .action = Action::forward,
       .leaves = Leaves::nothing,
       .result = {Kind::list, {{"cpu-index", Type::integer}}}},
      {.command = "query-hotpluggable-cpus",
       .action = Action::forward,
       .leaves = Leaves::nothing,
       .result = {Kind::list, {{"type", Type::string}}}},
      // libxl may give a device to another domain when it is not in the answer any more.
      {.command = "query-pci",
       .action = Action::list_pci,
       .leaves = Leaves::nothing,
       .result = {Kind::list, {{"bus", Type::integer}}}},
      {.command = "query-block",
       .action = Action::forward,
       .leaves = Leaves::nothing,
       .result = {Kind::list, {{"device", Type::string}}}},
      {.command = "query-blockstats",
       .action = Action::forward,
       .leaves = Leaves::nothing,
       .result = {Kind::list, {}}},
      {.command = "query-mice",
       .action = Action::forward,
       .leaves = Leaves::nothing,
       .result = {Kind::list, {}}},
      {.command = "stop", .action = Action::forward, .leaves = Leaves::moment},
      {.command = "system_reset", .action = Action::forward, .leaves = Leaves::moment},
      {.command = "system_powerdown", .action = Action::forward, .leaves = Leaves::moment},
      {.command = "system_wakeup", .action = Action::forward, .leaves = Leaves::moment},
      {.command = "inject-nmi", .action = Action::forward, .leaves = Leaves::moment},
      {.command = "device_add", .action = Action::forward, .leaves = Leaves::device},
      {.command = "device_del", .action = Action::forward, .leaves = Leaves::nothing},
      {.command = "change-vnc-password", .action = Action::forward, .leaves = Leaves::password},
      {.command = "set_password", .action = Action::forward, .leaves = Leaves::password},
      {.command = "expire_password", .action = Action::forward, .leaves = Leaves::expiry},
      {.command = "set_link", .action = Action::forward, .leaves = Leaves::link},
      {.command = "send-key", .action = Action::forward, .leaves = Leaves::nothing},
      {.command = "input-send-event", .action = Action::forward, .leaves = Leaves::nothing},
      {.command = "xen-set-global-dirty-log",
       .action = Action::forward,
       .leaves = Leaves::dirty_pages},

      {.command = "xen-load-devices-state", .action = Action::refuse, .why = no_colo},
      {.command = "query-fdsets", .action = Action::refuse, .why = no_files},
      {.command = "change", .action = Action::refuse, .why = no_change},
      {.command = "screendump", .action = Action::refuse, .why = no_files},
      {.command = "blockdev-add", .action = Action::refuse, .why = no_files},
      {.command = "nbd-server-start", .action = Action::refuse, .why = no_colo},
      {.command = "nbd-server-add", .action = Action::refuse, .why = no_colo},
      {.command = "nbd-server-stop", .action = Action::refuse, .why = no_colo},
      {.command = "x-blockdev-change", .action = Action::refuse, .why = no_colo},
      {.command = "xen-set-replication", .action = Action::refuse, .why = no_colo},
      {.command = "query-xen-replication-status", .action = Action::refuse, .why = no_colo},
      {.command = "xen-colo-do-checkpoint", .action = Action::refuse, .why = no_colo},
      {.command = "quit",
       .action = Action::refuse,
       .why = "linstub-dm ends with its guest: use xl destroy"},
  };
  return rules;
}

// Devices that stand for something in dom0, which the stub domain has not got.
struct Device {
  std::string_view driver;
  Rule rule;
};
const std::array<Device, 2> &devices_of_dom0() {
  static const std::array<Device, 2> devices{{
      {"xen-pci-passthrough",
       {.command = "device_add",
        .action = Action::attach,
        .leaves = Leaves::nothing}}, // pci/pci_devices.hpp knows,
      {"usb-host",
       {.command = "device_add",
        .action = Action::refuse,
        .why = "linstub-dm cannot pass USB devices of the host through: give the guest the whole "
               "controller with pci="}},
  }};
  return devices;
}

// Events that tell a client what it cannot find out otherwise. VNC's events carry addresses as
// they are in the stub domain, others are of no use to libxl.
constexpr std::array<std::string_view, 11> passed_events{
    "STOP",
    "RESUME",
    "RESET",
    "SHUTDOWN",
    "POWERDOWN",
    "DEVICE_DELETED",
    "DEVICE_UNPLUG_GUEST_ERROR",
    "BLOCK_IO_ERROR",
    "RTC_CHANGE",
    "SUSPEND",
    "WAKEUP",
};

} // namespace

std::span<const Rule> rules() { return table(); }

const Rule &rule_for(const Command &command) {
  static const Rule unknown{
      .command = {}, .action = Action::refuse, .why = "linstub-dm does not know the command"};
  if (command.name == "human-monitor-command")
    return human_rule_for(string_member(command.arguments, "command-line").value_or(""));
  if (command.name == "device_add") {
    auto driver = string_member(command.arguments, "driver");
    const auto *device = std::ranges::find(devices_of_dom0(), driver.value_or(""), &Device::driver);
    if (device != devices_of_dom0().end())
      return device->rule;
  }
  auto rule = std::ranges::find(table(), command.name, &Rule::command);
  return rule == table().end() ? unknown : *rule;
}

bool passes(const Event &event) { return std::ranges::contains(passed_events, event.name); }

} // namespace linstub::qmp
