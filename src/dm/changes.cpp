// SPDX-License-Identifier: MIT
#include "dm/changes.hpp"

#include "base/log.hpp"
#include "plan/cpu_hotplug.hpp"
#include "qmp/human_policy.hpp"
#include "wire/options.hpp"

#include <charconv>
#include <ctime>

namespace linstub::dm {
namespace {

constexpr const char *without_id = "without an id";

// The value of a -device; nothing for what is not flat.
std::optional<wire::Options> device_of(const std::string &arguments) {
  auto members = qmp::flat_members(arguments);
  if (!members)
    return std::nullopt;
  wire::Options device;
  for (const auto &[key, value] : *members) {
    if (key == "driver")
      device.set_leader(value);
    else
      device.set(key, value);
  }
  return device;
}

// "+60" is meant from now on: for the next QEMU it is a time of day.
qmp::Command absolute(qmp::Command command) {
  std::string time = qmp::string_member(command.arguments, "time").value_or("");
  int64_t seconds = 0;
  if (!time.starts_with('+') ||
      std::from_chars(time.data() + 1, time.data() + time.size(), seconds).ec != std::errc())
    return command;
  command.arguments =
      base::format(R"({{"protocol":{},"time":"{}"}})",
                   qmp::quoted(qmp::string_member(command.arguments, "protocol").value_or("vnc")),
                   static_cast<int64_t>(::time(nullptr)) + seconds);
  return command;
}

} // namespace

void Changes::done(const qmp::Command &command, qmp::Leaves leaves) {
  switch (leaves) {
  case qmp::Leaves::unsaid:
  case qmp::Leaves::nothing:
  case qmp::Leaves::moment:
    return;
  case qmp::Leaves::device:
    return plugged(command.arguments);
  case qmp::Leaves::password:
    password_ = command;
    return;
  case qmp::Leaves::expiry:
    expiry_ = absolute(command);
    return;
  case qmp::Leaves::link:
    return set_link(command);
  case qmp::Leaves::dirty_pages:
    dirty_pages_ = qmp::bool_member(command.arguments, "enable").value_or(true);
    return;
  }
}

void Changes::plugged(const std::string &arguments) {
  auto device = device_of(arguments);
  std::string id = qmp::string_member(arguments, "id").value_or(without_id);
  if (device && plan::is_cpu(*device)) {
    cpus_.insert(std::move(id));
    return host_.cpu_plugged(device->text());
  }
  base::log_info("device {} was plugged in: without it the guest's device model cannot be replaced",
                 id);
  devices_.insert(std::move(id));
}

void Changes::set_link(qmp::Command command) {
  if (command.name == "human-monitor-command") {
    auto said =
        qmp::link_command(qmp::string_member(command.arguments, "command-line").value_or(""));
    if (!said) // the policy lets none pass
      return;
    command = *std::move(said);
  }
  std::string name = qmp::string_member(command.arguments, "name").value_or("");
  // A NIC has two names, its own and that of what it is joined to: the last word counts.
  std::erase_if(links_, [&](const auto &link) { return link.first == name; });
  links_.emplace_back(std::move(name), std::move(command));
}

void Changes::deleted(const std::string &id) {
  devices_.erase(id);
  if (cpus_.erase(id) != 0) // of one that there never was QEMU may say so without an end
    host_.cpu_unplugged(id);
}

base::Result<> Changes::can_be_replaced() const {
  if (!devices_.empty())
    return base::fail("device {} was plugged in while the guest ran, and another QEMU would not "
                      "have it: have it unplugged (QMP's device_del), or restart the guest",
                      *devices_.begin());
  if (dirty_pages_)
    return base::fail("the guest is being saved or migrated: try again when that is over");
  return {};
}

std::vector<qmp::Command> Changes::to_repeat() const {
  std::vector<qmp::Command> commands;
  for (const auto &one : {password_, expiry_}) {
    if (one)
      commands.push_back(*one);
  }
  for (const auto &[name, command] : links_)
    commands.push_back(command);
  return commands;
}

} // namespace linstub::dm
