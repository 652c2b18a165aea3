// SPDX-License-Identifier: MIT
#include "stubdom/tap_script.hpp"

#include "base/process.hpp"
#include "plan/arguments.hpp"

namespace linstub::stubdom {
namespace {

constexpr base::Milliseconds script_timeout{20'000};

base::Result<std::optional<std::string>> read_node(xen::Xenstore &xenstore,
                                                   const std::string &nodes, const char *name) {
  return xenstore.read_if_there(base::format("{}/{}/{}", vif_backends, nodes, name));
}

base::Result<> run(xen::Xenstore &xenstore, const Tap &tap, ScriptCommand command,
                   base::Deadline deadline) {
  const std::string script =
      TRY(xenstore.read(base::format("{}/{}/script", vif_backends, tap.nodes)));
  const auto gateway = TRY(read_node(xenstore, tap.nodes, "gatewaydev"));
  const auto vif = TRY(read_node(xenstore, tap.nodes, "vifname"));
  base::Command process{
      .argv = {script, command == ScriptCommand::add ? "add" : "remove", "type_if=tap"},
      .environment = std::vector<std::string>{
          "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "script=" + script,
          "XENBUS_TYPE=vif", "XENBUS_PATH=backend/vif/" + tap.nodes, "XENBUS_BASE_PATH=backend",
          "netdev=" + gateway.value_or(""), "INTERFACE=" + tap.interface,
          "vif=" + vif.value_or(tap.vif)}};
  TRY(base::run_checked(std::move(process),
                        base::Deadline::after(script_timeout).or_earlier(deadline)));
  return {};
}

} // namespace

Tap tap_of(xen::DomId guest, const plan::Nic &nic) {
  return {.nodes = base::format("{}/{}", guest, nic.index),
          .interface = nic.interface,
          .vif = base::format("vif{}.{}", guest, nic.index)};
}

base::Result<bool> has_script(xen::Xenstore &xenstore, xen::DomId guest, const plan::Nic &nic) {
  constexpr const char *for_pv_alone = "vif"; // libxl_nic_type_to_string()
  const std::string nodes = tap_of(guest, nic).nodes;
  const auto script = TRY(read_node(xenstore, nodes, "script"));
  const auto type = TRY(read_node(xenstore, nodes, "type"));
  const auto mac = TRY(read_node(xenstore, nodes, "mac"));
  return script && type != for_pv_alone && (!mac || plan::frontend_mac(*mac) == nic.mac);
}

base::Result<> run_script(xen::Xenstore &xenstore, const Tap &tap, ScriptCommand command,
                          base::Deadline deadline) {
  auto done = run(xenstore, tap, command, deadline);
  return command == ScriptCommand::add
             ? std::move(done).transform_error(
                   base::doing("join {} to the guest's network", tap.interface))
             : std::move(done).transform_error(
                   base::doing("take {} off the guest's network", tap.interface));
}

} // namespace linstub::stubdom
