// SPDX-License-Identifier: MIT
// FakeQemu: a QMP server without a machine behind it. It says what linstub-dm, and libxl behind it,
// expect to hear of a QEMU that is well.
#pragma once

#include "qmp/message.hpp"

#include <string>
#include <vector>

namespace linstub::adversary {

class FakeQemu {
public:
  static std::string greeting();

  // The answers to the commands that are complete now, each a message.
  std::vector<std::string> feed(std::span<const std::byte> bytes);

private:
  qmp::Splitter splitter_{qmp::client_limits};
};

} // namespace linstub::adversary
