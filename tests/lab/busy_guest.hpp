// SPDX-License-Identifier: MIT
// BusyGuest: a guest that counts over a TCP connection to dom0, writes to its disk and shows a
// picture, and so notices what a save, a migration or an upgrade loses.
#pragma once

#include "scenario.hpp"

namespace linstub::lab {

class BusyGuest {
public:
  // Starts it, by a direct boot; the test fails if it does not get to work. The scenario must
  // outlive it.
  BusyGuest(Scenario &scenario, GuestConfig config);
  BusyGuest(Scenario &scenario, const std::string &name, DeviceModel device_model)
      : BusyGuest(scenario, GuestConfig{.name = name, .device_model = device_model}) {}

  // After a restore: it has another domid and another terminal.
  void found_again();

  // After a migration: on that host.
  void found_on(const Host &host);

  // It has lost nothing: no line of the TCP connection, no byte of the disk, no pixel; and it goes
  // on.
  void expect_all_well(const std::string &when);

  // It answers; its connection may have been cut by the test.
  void expect_alive();

  // In the network that it shares with dom0.
  [[nodiscard]] const std::string &address() const { return address_; }

  // A command for dom0 that writes /var/tmp/t.cfg: the guest under another device model, with such
  // lines added.
  [[nodiscard]] std::string config_of(DeviceModel device_model,
                                      const std::vector<std::string> &extra = {}) const;

private:
  void go_to_work();
  [[nodiscard]] std::string picture();
  uint64_t count();

  Scenario &scenario_;
  Host host_; // where it is
  GuestConfig config_;
  std::optional<GuestRun> guest_;
  std::string address_;
  std::string picture_;
  uint64_t counted_ = 0;
};

} // namespace linstub::lab
