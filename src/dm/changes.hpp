// SPDX-License-Identifier: MIT
// Changes: what clients have had QEMU do that is not in its state, by the table in qmp/policy.cpp:
// so the QEMU of the next stub domain has to have it or to be told it, or there must not be one.
#pragma once

#include "broker/host.hpp"
#include "qmp/policy.hpp"

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace linstub::dm {

class Changes {
public:
  // It must outlive this object; it is told of what the next QEMU has to have from its start.
  explicit Changes(broker::Host &host) : host_(host) {}

  // QEMU has done it.
  void done(const qmp::Command &command, qmp::Leaves leaves);

  // QEMU has let go of the device with that id.
  void deleted(const std::string &id);

  // An error says what the next QEMU would not have, and what to do.
  [[nodiscard]] base::Result<> can_be_replaced() const;

  // What another QEMU has to be told, before anybody else asks something of it.
  [[nodiscard]] std::vector<qmp::Command> to_repeat() const;

private:
  void plugged(const std::string &arguments);
  void set_link(qmp::Command command);

  broker::Host &host_;
  std::set<std::string> devices_; // that the next QEMU would not have
  std::set<std::string> cpus_;    // that it will
  std::optional<qmp::Command> password_;
  std::optional<qmp::Command> expiry_;
  std::vector<std::pair<std::string, qmp::Command>> links_; // by name, the one set last at the end
  bool dirty_pages_ = false;                                // somebody copies the guest's memory
};

} // namespace linstub::dm
