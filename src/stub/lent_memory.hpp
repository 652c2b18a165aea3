// SPDX-License-Identifier: MIT
// LentMemory: what the domain has more than usual for a while.
//
// QEMU needs it for those who look at the guest's screen. It has a copy of the screen while
// somebody does, and for each viewer what that has not taken yet: up to two screens, when nothing
// is packed (QEMU's ui/vnc.c, vnc_should_update(): one that waits, and one more). So the domain
// takes more of Xen before it lets a viewer in, as far as dom0 has allowed it when it made this
// domain (wire::screen_node). It needs it for a state, too, and is made with that
// (wire::restore_node).
//
// Both are given back as far as a quarter of the usual memory stays available: so what QEMU has
// kept of it stays.
//
// Numbers, no I/O; in KiB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace linstub::stub {

// Of the kernel's balloon driver, and of its memory.
struct Balloon {
  uint64_t target = 0;
  uint64_t current = 0;
  uint64_t available = 0;
};

class LentMemory {
public:
  // In MiB: the largest screen that the guest can have, and what the domain was made with for a
  // state.
  LentMemory(uint32_t screen, uint32_t restore);

  // QEMU has its state.
  void restored() { restore_ = 0; }

  // The target that the balloon driver is to have now; nothing if it has it. What it has without
  // our doing is dom0's word.
  std::optional<uint64_t> take(size_t viewers, const Balloon &now);

  // Whether all that was asked for has come.
  [[nodiscard]] bool has_room(const Balloon &now) const { return now.current >= base_ + lent_; }

private:
  uint32_t screen_;
  uint64_t restore_;
  uint64_t lent_;
  uint64_t base_ = 0; // the usual target
  uint64_t set_ = 0;  // that was returned last
};

} // namespace linstub::stub
