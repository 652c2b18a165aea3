// SPDX-License-Identifier: MIT
#include "qmp/human_policy.hpp"

#include <algorithm>
#include <array>

namespace linstub::qmp {
namespace {

constexpr std::array<std::string_view, 22> commands{
    // how it runs
    "stop", "s", "system_reset", "system_powerdown", "system_wakeup", "nmi",
    // keys and mouse
    "sendkey", "mouse_move", "mouse_button", "mouse_set",
    // what is in its memory and behind its ports
    "x", "xp", "print", "p", "i", "sum",
    // QEMU's own messages, which come into the guest's log
    "trace-event",
    // what there is
    "help", "?", "info", "qom-list", "qom-get"};

// What comes after "info". What would tell of dom0 what is not true there is left out: addresses of
// VNC, character devices, files.
constexpr std::array<std::string_view, 26> subjects{
    "version", "status",      "name",   "uuid",           "cpus",     "pci",
    "usb",     "network",     "block",  "blockstats",     "mice",     "qtree",
    "qdm",     "qom-tree",    "mtree",  "roms",           "irq",      "pic",
    "lapic",   "registers",   "memdev", "memory-devices", "ramblock", "hotpluggable-cpus",
    "numa",    "trace-events"};

struct Refused {
  std::string_view command;
  std::string_view why;
};
constexpr std::string_view no_files =
    "QEMU runs in a stub domain, where dom0's files are not: it cannot write or read one for you";
constexpr std::string_view by_cd_insert = "use xl cd-insert and xl cd-eject";
constexpr std::string_view by_xl =
    "devices come and go by xl: vcpu-set, pci-attach and pci-detach, cd-insert and cd-eject";
constexpr std::array<Refused, 15> refused{{
    {"screendump", "QEMU runs in a stub domain, where dom0's files are not: take a picture of the "
                   "screen with a VNC client"},
    {"dump-guest-memory", no_files},
    {"memsave", no_files},
    {"pmemsave", no_files},
    {"logfile", no_files},
    {"wavcapture", no_files},
    {"change", by_cd_insert},
    {"eject", by_cd_insert},
    {"device_add", by_xl},
    {"device_del", by_xl},
    {"drive_add", by_xl},
    {"netdev_add", by_xl},
    {"savevm", "use xl save"},
    {"migrate", "use xl migrate"},
    {"quit", "linstub-dm ends with its guest: use xl destroy"},
}};

// As QEMU takes a line apart (monitor/hmp.c, get_command_name): blanks, then a word up to a blank
// or a slash.
std::string_view take_word(std::string_view &line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::string_view word = line.substr(0, std::min(line.find_first_of(" /"), line.size()));
  line.remove_prefix(word.size());
  return word;
}

const std::vector<Rule> &known_refusals() {
  static const std::vector<Rule> known = [] {
    std::vector<Rule> rules;
    rules.reserve(std::size(refused));
    for (const Refused &one : refused)
      rules.push_back({.command = one.command, .action = Action::refuse, .why = one.why});
    return rules;
  }();
  return known;
}

const Rule &refusal(std::string_view command) {
  static const Rule other{
      .command = "human-monitor-command",
      .action = Action::refuse,
      .why = "linstub-dm lets the human monitor have commands that concern the guest alone: info, "
             "stop, cont, system_reset, system_powerdown, nmi, sendkey, x, xp, print and the like"};
  const std::vector<Rule> &known = known_refusals();
  auto found = std::ranges::find(known, command, &Rule::command);
  return found == known.end() ? other : *found;
}

// Whether the name of something of QEMU's needs quotes nowhere.
bool is_plain_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.';
  });
}

} // namespace

std::span<const std::string_view> human_commands() { return commands; }
std::span<const std::string_view> human_subjects() { return subjects; }
std::span<const Rule> human_refusals() { return known_refusals(); }

std::optional<Command> link_command(std::string_view line) {
  if (take_word(line) != "set_link")
    return std::nullopt;
  const std::string_view name = take_word(line);
  const std::string_view state = take_word(line);
  if (!is_plain_name(name) || (state != "on" && state != "off") ||
      line.find_first_not_of(' ') != std::string_view::npos)
    return std::nullopt;
  return Command{.name = "set_link",
                 .arguments = base::format(R"({{"name":{},"up":{}}})", quoted(name),
                                           state == "on" ? "true" : "false"),
                 .id = {}};
}

const Rule &human_rule_for(std::string_view line) {
  static const Rule forward{.command = "human-monitor-command",
                            .action = Action::forward,
                            .leaves = Leaves::nothing,
                            .result = {Kind::string, {}}};
  static const Rule strange{.command = "human-monitor-command",
                            .action = Action::refuse,
                            .why = "a command for the human monitor is one line of at most 1024 "
                                   "printable characters"};
  const bool plain = std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; });
  if (line.size() > longest_human_command || !plain)
    return strange;
  // As QMP's cont.
  static const Rule set_link{.command = "set_link",
                             .action = Action::refuse,
                             .why = "it is \"set_link\", the name of a NIC as \"info network\" has "
                                    "it, and \"on\" or \"off\""};
  static const Rule go_on{.command = "human-monitor-command", .action = Action::answer};
  const std::string_view whole = line;
  const std::string_view command = take_word(line);
  if (command == "cont" || command == "c")
    return go_on;
  if (command == set_link.command) {
    static const Rule link{.command = "human-monitor-command",
                           .action = Action::forward,
                           .leaves = Leaves::link,
                           .result = {Kind::string, {}}};
    return link_command(whole) ? link : set_link;
  }
  if (!std::ranges::contains(commands, command))
    return refusal(command);
  if (command != "info")
    return forward;
  const std::string_view subject = take_word(line);
  return subject.empty() || std::ranges::contains(subjects, subject) ? forward : refusal(subject);
}

} // namespace linstub::qmp
