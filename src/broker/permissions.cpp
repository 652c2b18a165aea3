// SPDX-License-Identifier: MIT
#include "broker/permissions.hpp"

#include "broker/host.hpp"

#include <algorithm>
#include <utility>

namespace linstub::broker {
namespace {

// Bits of Stage.
constexpr unsigned bit(Stage stage) { return 1U << std::to_underlying(stage); }
constexpr unsigned any = bit(Stage::nothing) | bit(Stage::making) | bit(Stage::there) |
                         bit(Stage::going) | bit(Stage::left);
constexpr unsigned there = bit(Stage::there);

enum class Needs : uint8_t { nothing, run, upgrade, reset };

struct Row {
  Type type{};
  unsigned stages = 0;
  Needs needs = Needs::nothing;
  Verdict otherwise = Verdict::refuse;
};

constexpr std::array table{
    Row{Type::create, bit(Stage::nothing) | there, Needs::nothing, Verdict::violation},
    Row{Type::take_over, there, Needs::upgrade},
    Row{Type::drop_next, any},
    Row{Type::remove, any & ~bit(Stage::going), Needs::nothing, Verdict::violation},
    Row{Type::rest_stub, there, Needs::run},
    Row{Type::wake_stub, any},
    Row{Type::give_images, there, Needs::run},
    Row{Type::take_images, there, Needs::run},
    Row{Type::plug_state, there, Needs::run},
    Row{Type::unplug_state, there, Needs::run},
    Row{Type::keep_state, there, Needs::upgrade},
    Row{Type::finish_restore, there},
    Row{Type::insert_medium, there, Needs::run},
    Row{Type::end_insertion, there, Needs::run},
    Row{Type::medium_ejected, there, Needs::run},
    Row{Type::attach_pci, there},
    Row{Type::pci_taken, any},
    Row{Type::give_back_pci, any},
    Row{Type::settle_pci, any},
    Row{Type::cpu_plugged, there, Needs::run},
    Row{Type::cpu_unplugged, any},
    Row{Type::announce, there, Needs::nothing, Verdict::violation},
    Row{Type::hold_guest, there, Needs::upgrade},
    Row{Type::release_guest, any},
    Row{Type::end_guest, there, Needs::upgrade},
    Row{Type::reset_guest, any, Needs::reset},
    Row{Type::crash_guest, any, Needs::run, Verdict::violation},
    Row{Type::tell_status, any},
    Row{Type::tell_upgrade, any},
    Row{Type::upgrade_done, there, Needs::upgrade},
    Row{Type::finished, any},
    Row{Type::alive, any},
};

bool meets(Needs needs, const Facts &facts) {
  switch (needs) {
  case Needs::nothing:
    return true;
  case Needs::run:
    return facts.has_run;
  case Needs::upgrade:
    return facts.has_run && facts.upgrading;
  case Needs::reset:
    return facts.has_run && facts.resetting;
  }
  return false;
}

// The first stub domain is for a guest that has not run, each other one for an upgrade.
bool right_one(const Message &request, const Facts &facts) {
  if (request.type != Type::create)
    return true;
  if (static_cast<Which>(request.value) == Which::first)
    return facts.stage == Stage::nothing && !facts.has_run;
  return facts.stage == Stage::there && facts.has_run && facts.upgrading;
}

} // namespace

Verdict permits(const Message &request, const Facts &facts) {
  const auto *row = std::ranges::find(table, request.type, &Row::type);
  if (row == table.end())
    return Verdict::violation;
  if ((row->stages & bit(facts.stage)) == 0 || !meets(row->needs, facts) ||
      !right_one(request, facts))
    return row->otherwise;
  return Verdict::allow;
}

} // namespace linstub::broker
