// SPDX-License-Identifier: MIT
// FakeQemu: a QMP server without a machine behind it. It says what linstub-dm, and libxl behind it,
// expect to hear of a QEMU that is well.
#pragma once

#include "qmp/message.hpp"

#include <span>
#include <string>
#include <vector>

namespace linstub::adversary {

class FakeQemu {
public:
  static std::string greeting();

  // The answers to the commands that are complete now, each a message.
  std::vector<std::string> feed(std::span<const std::byte> bytes);

  // Whether PCI devices are there as soon as dom0 adds them, and until it deletes them. Else it
  // takes them and lists none.
  bool lists_pci = true;

  // Whether dom0 has added one ever.
  [[nodiscard]] bool had_pci() const { return had_pci_; }

private:
  void answer(const qmp::Command &command, std::vector<std::string> &said);
  [[nodiscard]] std::string pci_devices() const;

  qmp::Splitter splitter_{qmp::client_limits};
  std::vector<std::string> pci_; // ids
  bool had_pci_ = false;
};

} // namespace linstub::adversary
