// SPDX-License-Identifier: MIT
// What may be asked of QEMU's human monitor (`xl qemu-monitor-command`, QMP's
// human-monitor-command): a table of commands that concern the guest alone and of which the next
// QEMU need not know, and set_link. QEMU's human monitor knows many more (its hmp-commands.hx),
// which name files, ports or devices of dom0, of which there are none in the stub domain, or change
// what an upgrade could not carry over.
#pragma once

#include "qmp/policy.hpp"

#include <optional>

namespace linstub::qmp {

constexpr size_t longest_human_command = 1024;

// The tables, for people to read: the commands that QEMU gets, what they may ask "info" for, and
// those that are refused with a sentence of their own.
std::span<const std::string_view> human_commands();
std::span<const std::string_view> human_subjects();
std::span<const Rule> human_refusals();

// The QMP command for a line "set_link NAME on|off", as QMP has it; nothing for any other line, and
// for names that would have to be quoted.
std::optional<Command> link_command(std::string_view line);

// The rule for a line that is meant for the human monitor: forward, or a refusal with a sentence.
const Rule &human_rule_for(std::string_view line);

} // namespace linstub::qmp
