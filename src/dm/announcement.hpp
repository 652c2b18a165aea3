// SPDX-License-Identifier: MIT
// Which NICs a QEMU that takes a guest over may announce. QEMU announces all that it has when it
// has been given a state (migration/migration.c, process_incoming_migration_bh()), also those that
// the guest has had unplugged, since it has made them anew: bridges would send the guest's frames
// to a NIC that it does not use, and not to its PV one, until that sends something. So the next
// QEMU is told to announce none by itself, and then those that no PV driver stands in for.
#pragma once

#include "plan/plan.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace linstub::dm {

// The arguments of QMP's announce-self; nothing if there is nothing to announce. `pv_nics` as
// broker::Host::hold_guest() tells them.
std::optional<std::string> announcement(std::span<const plan::Nic> nics, uint32_t pv_nics);

} // namespace linstub::dm
