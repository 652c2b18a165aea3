// SPDX-License-Identifier: MIT
// What people can ask of a guest's device model, by xl and by xl.cfg(5), and which tests show what
// becomes of it: the table behind docs/xl.cfg.md.
//
// A row does not say whether something is served. It says how libxl of Xen 4.20 asks for it, and
// the document says what the planner, the table of PV backends or that of QMP commands answer to
// that.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace linstub::served {

// How what a row is about gets to the device model.
enum class Way : uint8_t {
  arguments, // `asked` is what libxl adds to its command line, in words
  backend,   // `asked` is the kind of a PV device that libxl expects it to serve
  command,   // `asked` is a QMP command: its name, and its arguments as JSON
  toolstack, // not at all: xl or libxl refuse it, and `asked` is what they say
  untried,   // `asked` says what is known
};

struct Row {
  std::string_view option; // as it stands in an xl.cfg
  Way way{};
  std::string_view asked;
  // That show that it works, as SPECIFICATION names them; or, without one, a sentence that says so.
  std::string_view tests;
  std::string_view dom0; // QEMU 10 of Debian 13 in dom0; empty: the same
};

struct Section {
  std::string_view title;
  std::span<const Row> rows;
};

std::span<const Section> sections();

// A command of xl(1), and what it asks of the device model.
struct XlCommand {
  std::string_view command;
  std::string_view asks;  // for people
  std::string_view tests; // empty: it was not tried, which the document says
};
std::span<const XlCommand> xl_commands();

// The limits that Xen documents for its Linux stub domains (docs/misc/stubdom.txt), and what shows
// that Linstub's have them not.
struct Limit {
  std::string_view limit;
  std::string_view here;
  std::string_view tests;
};
std::span<const Limit> limits();

// The options of xl.cfg(5) that reach no device model: Xen, the kernel of dom0, another program or
// libxl itself does what they say.
std::span<const std::string_view> options_of_others();

} // namespace linstub::served
