// SPDX-License-Identifier: MIT
#include "stub/viewer_memory.hpp"
#include "wire/memory.hpp"

#include <gmock/gmock.h>

namespace linstub::stub {
namespace {

using testing::Optional;

constexpr uint64_t mebibyte = 1024;
constexpr uint64_t base = 32 * mebibyte;

// The kernel's balloon driver, and Xen, which gives it so much.
struct Machine {
  uint64_t most = 256 * mebibyte;
  Balloon balloon{.target = base, .current = base, .available = 11 * mebibyte};

  // What the driver does with a target in a while.
  void obey() {
    const uint64_t current = std::min(balloon.target, most);
    balloon.available = balloon.available + current - balloon.current;
    balloon.current = current;
  }
  void look(ViewerMemory &memory, size_t viewers) {
    if (const auto target = memory.take(viewers, balloon))
      balloon.target = *target;
  }
};

TEST(ViewerMemoryTest, IsACopyOfTheScreenAndTwoForEachViewer) {
  EXPECT_EQ(wire::memory_for_viewers(16, 0), 0U);
  EXPECT_EQ(wire::memory_for_viewers(16, 1), 48U);
  EXPECT_EQ(wire::memory_for_viewers(16, 2), 80U);
  EXPECT_EQ(wire::memory_for_viewers(16, 3), 112U);
  EXPECT_EQ(wire::memory_for_viewers(16, 16), 112U) << "further ones share it";
  EXPECT_EQ(wire::most_memory_for_viewers(16), 112U);
}

TEST(ViewerMemoryTest, IsTakenForEachThatComesAndGivenBackWhenAllHaveGone) {
  Machine machine;
  ViewerMemory memory(16);
  machine.look(memory, 0);
  EXPECT_EQ(machine.balloon.target, base) << "nothing without a viewer";
  machine.look(memory, 1);
  EXPECT_EQ(machine.balloon.target, base + 48 * mebibyte);
  EXPECT_FALSE(memory.has_room(machine.balloon));
  machine.obey();
  EXPECT_TRUE(memory.has_room(machine.balloon));
  machine.look(memory, 2);
  machine.obey();
  EXPECT_EQ(machine.balloon.current, base + 80 * mebibyte);
  machine.look(memory, 0);
  machine.obey();
  EXPECT_EQ(machine.balloon.current, base);
  machine.look(memory, 0);
  EXPECT_EQ(machine.balloon.target, base);
}

TEST(ViewerMemoryTest, StaysAsLongAsQemuHasIt) {
  Machine machine;
  ViewerMemory memory(16);
  machine.look(memory, 1);
  machine.obey();
  machine.balloon.available -=
      20 * mebibyte; // QEMU's copies, and what the kernel has for new pages
  machine.look(memory, 0);
  EXPECT_EQ(machine.balloon.target, base + 20 * mebibyte);
  machine.look(memory, 0);
  EXPECT_EQ(machine.balloon.target, base + 20 * mebibyte) << "the driver is at work";
  machine.obey();
  machine.look(memory, 0);
  EXPECT_EQ(machine.balloon.target, base + 20 * mebibyte);
  machine.balloon.available += 18 * mebibyte;
  machine.look(memory, 0);
  machine.obey();
  EXPECT_EQ(machine.balloon.current, base + 2 * mebibyte);
  machine.look(memory, 1);
  machine.obey();
  EXPECT_EQ(machine.balloon.current, base + 48 * mebibyte) << "is part of what comes next";
}

TEST(ViewerMemoryTest, IsAskedForWithAnotherTargetEachTimeUntilItIsThere) {
  Machine machine;
  machine.most = base;
  ViewerMemory memory(16);
  machine.look(memory, 1);
  machine.obey();
  uint64_t last = machine.balloon.target;
  for (int i = 0; i < 4; i++) {
    machine.look(memory, 1);
    EXPECT_NE(machine.balloon.target, last) << "wakes the driver";
    EXPECT_FALSE(memory.has_room(machine.balloon));
    last = machine.balloon.target;
  }
  machine.look(memory, 0);
  EXPECT_EQ(machine.balloon.target, base) << "what did not come is not waited for";
}

TEST(ViewerMemoryTest, ComesOnTopOfWhatDom0Says) {
  Machine machine;
  machine.balloon.target = machine.balloon.current =
      base + 16 * mebibyte; // with a state to restore
  machine.balloon.available += 16 * mebibyte;
  ViewerMemory memory(16);
  machine.look(memory, 1);
  machine.obey();
  EXPECT_EQ(machine.balloon.current, base + 64 * mebibyte);
  machine.balloon.target = base; // by xenstore
  machine.look(memory, 1);
  EXPECT_EQ(machine.balloon.target, base + 48 * mebibyte);
  machine.obey();
  machine.look(memory, 0);
  machine.obey();
  EXPECT_EQ(machine.balloon.current, base);
}

} // namespace
} // namespace linstub::stub
