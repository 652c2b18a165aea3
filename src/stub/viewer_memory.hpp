// SPDX-License-Identifier: MIT
// ViewerMemory: the memory that QEMU needs for those who look at the guest's screen. It has a copy
// of the screen while somebody does, and for each viewer what that has not taken yet: up to two
// screens, when nothing is packed (QEMU's ui/vnc.c, vnc_should_update(): one that waits, and one
// more). That is more than a stub domain is given at its start. So it takes more of Xen before it
// lets a viewer in, as far as dom0 has allowed it when it made this domain (wire::screen_node), and
// gives it back later.
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

class ViewerMemory {
public:
  // `screen` in MiB: the largest screen that the guest can have.
  explicit ViewerMemory(uint32_t screen) : screen_(screen) {}

  // The target that the balloon driver is to have now; nothing if it has it. What it has without
  // our doing is dom0's word.
  std::optional<uint64_t> take(size_t viewers, const Balloon &now);

  // Whether all that was asked for has come.
  [[nodiscard]] bool has_room(const Balloon &now) const { return now.current >= base_ + lent_; }

  // Whether there is more than the viewers need: it goes when QEMU has let go of it.
  [[nodiscard]] bool has_surplus() const { return lent_ > need_; }

private:
  uint32_t screen_;
  uint64_t base_ = 0;      // the target without viewers
  uint64_t need_ = 0;      // more than that
  uint64_t lent_ = 0;      // that was asked for
  uint64_t set_ = 0;       // the target that was returned last
  uint64_t available_ = 0; // before anything was asked for
};

} // namespace linstub::stub
