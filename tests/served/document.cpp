// SPDX-License-Identifier: MIT
#include "served/document.hpp"

#include "base/format.hpp"
#include "broker/backends.hpp"
#include "plan/arguments.hpp"
#include "qmp/human_policy.hpp"
#include "qmp/policy.hpp"
#include "structure/sources.hpp"

#include <algorithm>

namespace linstub::served {
namespace {

// A "|" would end a cell of the table.
std::string cell(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '|')
      result += '\\';
    result += c;
  }
  return result;
}

std::optional<std::string> refused_arguments(std::string_view asked) {
  std::vector<std::string> arguments{"-xen-domid", "7", "-name", "guest"};
  std::ranges::move(structure::words(asked), std::back_inserter(arguments));
  auto plan = plan::translate(arguments, plan::Settings{});
  return plan ? std::nullopt : std::optional(plan.error().message());
}

// As libxl writes the nodes of the backends that can be served.
std::optional<std::string> refused_backend(std::string_view kind) {
  const broker::BackendNodes nodes{
      {"params", "qcow2:/images/a.qcow2"}, {"mode", "w"}, {"device-type", "disk"}};
  auto move = broker::plan_backend({.kind = std::string(kind), .number = 0},
                                   kind == "qdisk" ? nodes : broker::BackendNodes{});
  return move ? std::nullopt : std::optional(move.error().message());
}

std::optional<std::string> refused_command(std::string_view asked) {
  const size_t blank = asked.find(' ');
  const qmp::Command command{.name = std::string(asked.substr(0, blank)),
                             .arguments = std::string(asked.substr(blank + 1)),
                             .id = {}};
  const qmp::Rule &rule = qmp::rule_for(command);
  return rule.action == qmp::Action::refuse ? std::optional(std::string(rule.why)) : std::nullopt;
}

std::string answer(const Row &row) {
  if (row.way == Way::untried)
    return base::format("not tried: {}", row.asked);
  const auto why = refusal(row);
  if (!why && !row.tests.contains('`'))
    return std::string(row.tests);
  if (!why)
    return base::format("works: {}", row.tests);
  if (row.way == Way::toolstack)
    return base::format("refused by libxl itself: *{}*", cell(*why));
  return base::format("refused: *{}*", cell(*why));
}

std::string section(const Section &section) {
  std::string text = base::format(
      "\n### {}\n\n| option | Linstub | QEMU 10 in dom0 |\n|---|---|---|\n", section.title);
  for (const Row &row : section.rows)
    text += base::format("| `{}` | {} | {} |\n", cell(row.option), answer(row),
                         row.dom0.empty() ? "the same" : row.dom0);
  return text;
}

const char *words_for(qmp::Action action) {
  switch (action) {
  case qmp::Action::answer:
    return "linstub-dm does it, in dom0";
  case qmp::Action::forward:
    return "QEMU does it, in the stub domain; its answer is checked";
  case qmp::Action::list_pci:
    return "QEMU answers; devices that are still on their way back stay in the list";
  case qmp::Action::attach:
    return "the stub domain gets the device, then QEMU does it";
  case qmp::Action::refuse:
    break;
  }
  return "";
}

std::string qmp_commands() {
  std::string text = "| command | what becomes of it |\n|---|---|\n";
  for (const qmp::Rule &rule : qmp::rules())
    text += base::format("| `{}` | {} |\n", rule.command,
                         rule.action == qmp::Action::refuse
                             ? base::format("refused: *{}*", cell(rule.why))
                             : std::string(words_for(rule.action)));
  return text;
}

std::string list(std::span<const std::string_view> names) {
  std::string text;
  for (const std::string_view name : names)
    text += base::format("{}`{}`", text.empty() ? "" : ", ", name);
  return text;
}

// Lines of at most 100 characters or so, broken at blanks.
std::string wrapped(std::string_view text) {
  constexpr size_t width = 100;
  std::string result;
  size_t column = 0;
  for (const std::string &word : structure::words(text)) {
    if (column != 0 && column + 1 + word.size() > width) {
      result += '\n';
      column = 0;
    } else if (column != 0) {
      result += ' ';
      column++;
    }
    result += word;
    column += word.size();
  }
  return result + '\n';
}

std::string human_monitor() {
  std::string text =
      wrapped(base::format("QEMU gets {}, `set_link` of a name and `on` or `off`, which an upgrade "
                           "keeps, and `cont`, which is done as QMP's. `info` is for {}.",
                           list(qmp::human_commands()), list(qmp::human_subjects())));
  text += "\n| command | refused with |\n|---|---|\n";
  for (const qmp::Rule &rule : qmp::human_refusals())
    text += base::format("| `{}` | *{}* |\n", rule.command, cell(rule.why));
  return text + base::format("| any other | *{}* |\n", qmp::human_rule_for("any other").why);
}

constexpr std::string_view begin = R"(# What of xl.cfg and xl works

This page is made by a program: `cmake --build BUILD --target served`. What is said to be served is
what the sources of Linstub answer when they are asked in the words of libxl 4.20; behind "works" stand
the scenarios that show it in the lab, on a real Xen with Debian's packages, or unit tests where a path is
enough. The test `served` fails when the page does not say what the sources do, when a test is not
there, or when something is served and no test shows it. `docs/device-models.md` compares in the large.

"The same" means: QEMU 10 of Debian 13 in dom0 does it as well. The scenarios `AsUnderQemuInDom0/*` ask
both for their devices in one run, and `QemuInDom0DoesNotStart/*` see it fail where libxl asks for what that
QEMU does not know any more. Where the last column says that it works, and the one before that it is refused,
nobody has tried it here: Debian's package is built for it.

What is refused makes `xl create` fail before there is a stub domain, with that sentence in xl's output's
last lines and in `/var/log/xen/qemu-dm-GUEST.log`. (A PV device or a QMP command for a guest that runs is
refused when it is asked for.)

## Options of xl.cfg(5) that reach the device model
)";

constexpr std::string_view others = R"(
### Options that reach no device model

Xen, hvmloader, dom0's kernel or another program does what these say, as without Linstub:

)";

constexpr std::string_view xens_limits = R"(
## Limits of Xen's own Linux stub domains

Xen's stubdom.txt (in its docs/misc) lists them for `device_model_stubdomain_override=1`. With Linstub:

| Xen's words | Linstub | shown by |
|---|---|---|
)";

} // namespace

std::optional<std::string> refusal(const Row &row) {
  switch (row.way) {
  case Way::arguments:
    return refused_arguments(row.asked);
  case Way::backend:
    return refused_backend(row.asked);
  case Way::command:
    return refused_command(row.asked);
  case Way::untried:
    return std::nullopt;
  case Way::toolstack:
    break;
  }
  return std::string(row.asked);
}

structure::Sentences check_rows(std::span<const Section> sections) {
  structure::Sentences wrong;
  for (const Section &one : sections) {
    for (const Row &row : one.rows) {
      const auto why = refusal(row);
      if (why && !row.tests.empty())
        wrong.push_back(
            base::format("{} is said to work, but it is refused: {}", row.option, *why));
      if (!why && row.tests.empty() && row.way != Way::untried)
        wrong.push_back(base::format("{} is served, and no test shows that it works", row.option));
    }
  }
  return wrong;
}

std::string render() {
  std::string text(begin);
  for (const Section &one : sections())
    text += section(one);
  text += others;
  text += wrapped(list(options_of_others()) + ".");
  text += xens_limits;
  for (const Limit &limit : limits())
    text += base::format("| {} | {} | {} |\n", limit.limit, limit.here, limit.tests);
  text += "\n## Commands of xl(1)\n\n| command | what it asks of the device model | shown by "
          "|\n|---|---|---|\n";
  for (const XlCommand &command : xl_commands())
    text += base::format("| `xl {}` | {} | {} |\n", command.command, command.asks,
                         command.tests.empty() ? "not tried" : command.tests);
  text +=
      "\n## QMP\n\nWhat clients of the sockets `/run/xen/qmp-libxl-DOMID` may ask for. Every other "
      "command is refused.\n\n";
  text += qmp_commands();
  text += "\n## The human monitor: `xl qemu-monitor-command`\n\n";
  return text + human_monitor();
}

} // namespace linstub::served
