// SPDX-License-Identifier: MIT
#include "stubdom/next_vif.hpp"

#include "base/log.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace linstub::stubdom {
namespace {

using base::Result;

// The interface that all ports of Open vSwitch's kernel module are ports of.
constexpr const char *open_vswitch = "ovs-system";

// Nodes that no script of Xen's knows.
constexpr const char *way_node = "linstub-way";
constexpr const char *name_node = "linstub-name";
constexpr const char *serves_node = "linstub-serves";

constexpr std::array ways{
    std::pair{Way::bridge, std::string_view("bridge")},
    std::pair{Way::open_vswitch, std::string_view("open-vswitch")},
    std::pair{Way::later, std::string_view("later")},
    std::pair{Way::copied, std::string_view("copied")},
};

// Of what libxl writes. Not the guest's own name of its vif, by which the script would rename this
// one to what the one that serves is called; nor the state, by which the kernel would take it for a
// device.
constexpr std::array copied_nodes{"bridge", "ip",   "mac",  "mtu",    "frontend-id", "gatewaydev",
                                  "vlan",   "type", "rate", "handle", "frontend",    "script"};

std::string next_name(xen::DomId guest) { return base::format("linstub{}", guest); }

} // namespace

std::string next_interface(xen::DomId guest, const plan::Nic &nic) {
  return base::format("{}.{}", next_name(guest), nic.index);
}

Way way_to_join(const Before &before) {
  const auto &link = before.link;
  if (!before.has_script)
    return Way::copied;
  if (!link)
    return Way::later;
  if (link->on_bridge)
    return Way::bridge;
  if (link->master == open_vswitch)
    return Way::open_vswitch;
  // Somebody has taken it off its network, where the script would put it again.
  return link->up || !link->master.empty() ? Way::later : Way::copied;
}

std::string NextVifs::directory() const {
  return base::format("{}/{}", vif_backends, next_name(guest_));
}

std::string NextVifs::node(uint8_t nic, std::string_view name) const {
  return base::format("{}/{}/{}", directory(), nic, name);
}

Tap NextVifs::next_tap(const std::string &index) const {
  return {.nodes = base::format("{}/{}", next_name(guest_), index),
          .interface = base::format("{}.{}", next_name(guest_), index),
          .vif = base::format("vif{}.{}", guest_, index)};
}

Result<std::optional<VifLink>> NextVifs::former(const plan::Nic &nic, Others others) {
  for (xen::DomId other : others) {
    if (auto link = TRY(links_.of(other, nic.index)))
      return link;
  }
  return std::nullopt;
}

Result<> NextVifs::write_note(const plan::Nic &nic, const Before &before) {
  const auto way = std::ranges::find(ways, way_to_join(before), &decltype(ways)::value_type::first);
  xen::Xenstore::Nodes nodes{{way_node, std::string(way->second)},
                             {name_node, before.link ? before.link->name : nic.interface}};
  for (const char *name : copied_nodes) {
    const auto value = TRY(xenstore_.read_if_there(
        base::format("{}/{}/{}/{}", vif_backends, guest_, nic.index, name)));
    if (value && before.has_script)
      nodes.emplace_back(name, *value);
  }
  const std::string own = base::format("{}/{}", directory(), nic.index);
  TRY(xenstore_.remove(own));
  return xenstore_.write_all(own, nodes);
}

Result<std::optional<NextVifs::Note>> NextVifs::read_note(const std::string &index) {
  const std::string own = base::format("{}/{}", directory(), index);
  const auto text = TRY(xenstore_.read_if_there(base::format("{}/{}", own, way_node)));
  const auto name = TRY(xenstore_.read_if_there(base::format("{}/{}", own, name_node)));
  const auto serves = TRY(xenstore_.read_if_there(base::format("{}/{}", own, serves_node)));
  const auto way = std::ranges::find(ways, text.value_or(""), &decltype(ways)::value_type::second);
  if (way == ways.end() || !name)
    return std::nullopt;
  return Note{.way = way->first, .name = *name, .serves = serves.has_value()};
}

Result<> NextVifs::join(std::span<const plan::Nic> nics, xen::DomId next, Others others) {
  for (const plan::Nic &nic : nics)
    TRY(join_one(nic, next, others));
  return {};
}

Result<> NextVifs::settle(std::span<const plan::Nic> nics, xen::DomId stub, Others others) {
  Result<> all;
  for (const plan::Nic &nic : nics) {
    if (auto settled = settle_one(nic, stub, others); !settled && all)
      all = std::move(settled);
  }
  return all;
}

Result<> NextVifs::join_one(const plan::Nic &nic, xen::DomId next, Others others) {
  const Before before{.has_script = TRY(has_script(xenstore_, guest_, nic)),
                      .link = TRY(former(nic, others))};
  TRY(write_note(nic, before));
  switch (way_to_join(before)) {
  case Way::bridge:
  case Way::open_vswitch:
    return run(next_tap(std::to_string(nic.index)), ScriptCommand::add);
  case Way::later:
    return {};
  case Way::copied:
    break;
  }
  const auto link = TRY(links_.of(next, nic.index));
  return link && before.link ? links_.join_like(*link, *before.link) : Result<>();
}

Result<> NextVifs::settle_one(const plan::Nic &nic, xen::DomId stub, Others others) {
  const std::string index = std::to_string(nic.index);
  auto note = TRY(read_note(index));
  if (!note)
    return {};
  const auto link = TRY(links_.of(stub, nic.index));
  if (link && link->name == next_interface(guest_, nic) && !note->serves) {
    TRY(xenstore_.write(node(nic.index, serves_node), "1"));
    note->serves = true;
  }
  if (!link || !note->serves) // it is gone, or goes with a stub domain that does not serve
    return forget(index);
  TRY(take_place(nic, *note, *link, others));
  return drop_note(index);
}

Result<> NextVifs::take_place(const plan::Nic &nic, const Note &note, VifLink link, Others others) {
  const Tap next = next_tap(std::to_string(nic.index));
  const bool by_script = note.way == Way::bridge || note.way == Way::open_vswitch;
  if (note.way == Way::copied)
    return take_name(nic, link, note.name, others);
  if (!TRY(has_script(xenstore_, guest_, nic))) { // libxl has taken the former one off meanwhile
    if (by_script && link.name == next.interface)
      run_remove(next);
    return take_name(nic, link, note.name, others);
  }
  if (note.way != Way::bridge)
    return join_again(nic, note, link, others);
  TRY(take_name(nic, link, note.name, others));
  // There is no interface of this name any more, so the script finds none that it would take off
  // the bridge: what it takes away is the rules.
  run_remove(next);
  return {};
}

// As at the guest's start: the vif is down, has the tap's name, and the script gives it the guest's
// own, if there is one. What the script has made for the former one goes first: its routes, its
// port, its rules, which would else be there twice.
Result<> NextVifs::join_again(const plan::Nic &nic, const Note &note, VifLink link, Others others) {
  const Tap tap = tap_of(guest_, nic);
  run_remove(tap);
  if (note.way == Way::open_vswitch)
    run_remove(next_tap(std::to_string(nic.index)));
  TRY(links_.take_down(link));
  TRY(take_name(nic, link, nic.interface, others));
  if (note.name != nic.interface)
    TRY(links_.await_free(note.name));
  return run(tap, ScriptCommand::add);
}

Result<> NextVifs::take_name(const plan::Nic &nic, VifLink &link, const std::string &name,
                             Others others) {
  move_aside(nic, others);
  if (link.name == name)
    return {};
  TRY(links_.await_free(name));
  TRY(links_.rename(link, name));
  link.name = name;
  return {};
}

// Not removed: that takes longer, and may fail. What its stub domain says from now on is not the
// guest's word.
void NextVifs::move_aside(const plan::Nic &nic, Others others) {
  for (xen::DomId other : others) {
    auto aside = [&]() -> Result<> {
      const auto link = TRY(links_.of(other, nic.index));
      const std::string name = base::format("former{}.{}", other, nic.index);
      if (!link || link->name == name)
        return {};
      TRY(links_.take_down(*link));
      return links_.rename(*link, name);
    };
    base::log_failure(aside(), base::LogLevel::debug); // it may just go
  }
}

// One that fails leaves less behind than one that is tried for ever.
void NextVifs::run_remove(const Tap &tap) {
  base::log_failure(run(tap, ScriptCommand::remove), base::LogLevel::warning);
}

Result<> NextVifs::run(const Tap &tap, ScriptCommand command) {
  return run_script(xenstore_, tap, command, deadline_);
}

void NextVifs::forget() {
  const auto all = xenstore_.list_if_there(directory());
  base::log_failure(all, base::LogLevel::warning);
  for (const std::string &index : all.value_or(std::vector<std::string>()))
    base::log_failure(forget(index), base::LogLevel::warning);
}

Result<> NextVifs::forget(const std::string &index) {
  const auto note = TRY(read_note(index));
  if (note && (note->way == Way::bridge || note->way == Way::open_vswitch))
    run_remove(next_tap(index));
  return drop_note(index);
}

Result<> NextVifs::drop_note(const std::string &index) {
  TRY(xenstore_.remove(base::format("{}/{}", directory(), index)));
  const auto left = TRY(xenstore_.list_if_there(directory()));
  return left.empty() ? xenstore_.remove(directory()) : Result<>();
}

} // namespace linstub::stubdom
