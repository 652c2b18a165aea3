// SPDX-License-Identifier: MIT
// What linstub-dm does with each QMP command that a client in dom0 sends, and with each event of
// QEMU: a table. The commands are those of libxl 4.20 (libxl_qmp.c, libxl_disk.c, libxl_domain.c,
// libxl_dm.c, libxl_pci.c, libxl_usb.c), of libxenstat, and some that people type.
#pragma once

#include "qmp/message.hpp"

#include <cstdint>
#include <span>

namespace linstub::qmp {

enum class Action {
  answer,   // linstub-dm does it: it concerns dom0, of which QEMU in the stub domain knows nothing
  forward,  // QEMU does it; the result must have the shape
  list_pci, // the same, but answered when no PCI device is being given back any more
  attach,   // the same, when the PCI device has been attached to the stub domain
  refuse,   // with a QMP error
};

// What a command of QEMU's that has succeeded leaves behind beyond QEMU's own state: what the next
// QEMU, which goes on from that state in an upgrade, has to have or to be told as well
// (dm/changes.hpp).
enum class Leaves : uint8_t {
  unsaid, // by the row of a command that QEMU does not get
  nothing,
  device,      // one more
  password,    // of VNC
  expiry,      // of that password
  link,        // of a NIC: up or down
  moment,      // it is done at once, by the QEMU that serves
  dirty_pages, // QEMU notes which of the guest's pages it has written to, or does not any more
};

struct Rule {
  std::string_view command;
  Action action{};
  Leaves leaves = Leaves::unsaid; // for forward, list_pci and attach
  Shape result;                   // for forward
  std::string_view why;           // for refuse: a sentence
};

// The whole table, in no particular order.
std::span<const Rule> rules();

// The rule for a command with its arguments; a refusal for a command that is not in the table. What
// the human monitor is asked for has rules of its own (human_policy.hpp).
const Rule &rule_for(const Command &command);

// Whether an event of QEMU is passed on to clients.
bool passes(const Event &event);

} // namespace linstub::qmp
