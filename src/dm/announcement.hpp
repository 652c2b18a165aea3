// SPDX-License-Identifier: MIT
// Which NICs a QEMU that takes a guest over may announce. QEMU announces all that it has when it
// has been given a state (migration/migration.c, process_incoming_migration_bh()), also those that
// the guest has had unplugged, since it has made them anew: bridges would send the guest's frames
// to a NIC that it does not use, and not to its PV one, until that sends something. So the next
// QEMU is told to announce none by itself, and then those that the former one had.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace linstub::dm {

// The names of NICs in what QEMU's human monitor says to "info network", a line each:
// "nic0: index=0,type=nic,model=e1000,macaddr=...". The text is not to be trusted: names are short
// and plain, and there are few.
std::vector<std::string> nics_in(std::string_view info);

// The arguments of QMP's announce-self for them, of which there is one at least.
std::string announcement(const std::vector<std::string> &nics);

} // namespace linstub::dm
