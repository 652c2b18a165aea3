// SPDX-License-Identifier: MIT
// Loop devices of a test's own: those that disk::make_loop() has made, which are plain files here.
#pragma once

#include "disk/loop_device.hpp"

#include <string>
#include <vector>

namespace linstub::fake {

struct Loop {
  std::string device;
  std::string file; // what the path that was given leads to
  disk::LoopAccess access{};
  uint64_t use = 0;
};

// Those that there are, in the order in which they were made.
std::vector<Loop> &loops();

} // namespace linstub::fake
