// SPDX-License-Identifier: MIT
#include "stub/lent_memory.hpp"
#include "wire/memory.hpp"

#include <gmock/gmock.h>

namespace linstub::stub {
namespace {

constexpr uint64_t mebibyte = 1024;
constexpr uint64_t base = 32 * mebibyte;

// The kernel's balloon driver, and Xen, which gives it so much.
struct Machine {
  uint64_t most = 256 * mebibyte;
  // Of the target, and of what the domain has. (A page more or less wakes the driver.)
  [[nodiscard]] uint64_t target() const { return balloon.target / mebibyte; }
  [[nodiscard]] uint64_t has() const { return balloon.current / mebibyte; }
  Balloon balloon{.target = base, .current = base, .available = 11 * mebibyte};

  // What the driver does with a target in a while.
  void obey() {
    const uint64_t current = std::min(balloon.target, most);
    balloon.available = balloon.available + current - balloon.current;
    balloon.current = current;
  }
  void look(LentMemory &memory, size_t viewers) {
    if (const auto target = memory.take(viewers, balloon))
      balloon.target = *target;
  }
};

TEST(LentMemoryTest, IsACopyOfTheScreenAndTwoForEachViewer) {
  EXPECT_EQ(wire::memory_for_viewers(16, 0), 0U);
  EXPECT_EQ(wire::memory_for_viewers(16, 1), 48U);
  EXPECT_EQ(wire::memory_for_viewers(16, 2), 80U);
  EXPECT_EQ(wire::memory_for_viewers(16, 3), 112U);
  EXPECT_EQ(wire::memory_for_viewers(16, 16), 112U) << "further ones share it";
  EXPECT_EQ(wire::most_memory_for_viewers(16), 112U);
}

TEST(LentMemoryTest, IsTakenForEachThatComesAndGivenBackWhenAllHaveGone) {
  Machine machine;
  LentMemory memory(16, 0);
  machine.look(memory, 0);
  EXPECT_EQ(machine.balloon.target, base) << "nothing without a viewer";
  machine.look(memory, 1);
  EXPECT_EQ(machine.target(), 32U + 48);
  EXPECT_FALSE(memory.has_room(machine.balloon));
  machine.obey();
  EXPECT_TRUE(memory.has_room(machine.balloon));
  machine.look(memory, 2);
  machine.obey();
  EXPECT_EQ(machine.has(), 32U + 80);
  machine.look(memory, 0);
  machine.obey();
  EXPECT_EQ(machine.has(), 32U);
  machine.look(memory, 0);
  EXPECT_EQ(machine.balloon.target, base);
}

// A quarter of the usual memory stays available.
TEST(LentMemoryTest, StaysAsFarAsQemuHasIt) {
  Machine machine;
  LentMemory memory(16, 0);
  machine.look(memory, 1);
  machine.obey();
  machine.balloon.available -=
      31 * mebibyte + 8; // QEMU's copies, and the kernel's tables of new pages
  machine.look(memory, 0);
  EXPECT_EQ(machine.target(), 32U + 28);
  machine.look(memory, 0);
  EXPECT_EQ(machine.target(), 32U + 28) << "the driver is at work";
  machine.obey();
  EXPECT_EQ(machine.balloon.available / mebibyte, 8U);
  machine.look(memory, 0);
  EXPECT_EQ(machine.target(), 32U + 28);
  machine.obey();
  machine.balloon.available += 26 * mebibyte;
  machine.look(memory, 0);
  machine.obey();
  EXPECT_EQ(machine.has(), 32U + 2);
  machine.look(memory, 1);
  machine.obey();
  EXPECT_EQ(machine.has(), 32U + 48) << "is part of what comes next";
}

TEST(LentMemoryTest, IsAskedForWithAnotherTargetEachTimeUntilItIsThere) {
  Machine machine;
  machine.most = base;
  LentMemory memory(16, 0);
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
  EXPECT_EQ(machine.target(), 32U) << "what did not come is not waited for";
}

TEST(LentMemoryTest, GoesWithAnotherTargetEachTimeUntilItHasGone) {
  Machine machine;
  LentMemory memory(16, 0);
  machine.look(memory, 1);
  machine.obey();
  machine.look(memory, 0);
  uint64_t last = machine.balloon.target;
  for (int i = 0; i < 4; i++) {
    machine.look(memory, 0);
    EXPECT_NE(machine.balloon.target, last) << "wakes the driver";
    EXPECT_EQ(machine.target(), 32U);
    last = machine.balloon.target;
  }
}

TEST(LentMemoryTest, ForAStateGoesBackWhenQemuHasIt) {
  Machine machine;
  machine.balloon.target = machine.balloon.current = base + 16 * mebibyte;
  machine.balloon.available += 16 * mebibyte;
  LentMemory memory(16, 16);
  machine.look(memory, 0);
  EXPECT_EQ(machine.target(), 48U);
  machine.look(memory, 1);
  machine.obey();
  EXPECT_EQ(machine.has(), 48U + 48) << "beside a viewer's";
  memory.restored();
  machine.look(memory, 1);
  machine.obey();
  EXPECT_EQ(machine.has(), 32U + 48);
  machine.look(memory, 0);
  machine.obey();
  EXPECT_EQ(machine.has(), 32U);
}

TEST(LentMemoryTest, ComesOnTopOfWhatDom0Says) {
  Machine machine;
  LentMemory memory(16, 0);
  machine.look(memory, 1);
  machine.obey();
  machine.balloon.target = base + 8 * mebibyte; // xl mem-set
  machine.look(memory, 1);
  EXPECT_EQ(machine.target(), 40U + 48);
}

} // namespace
} // namespace linstub::stub
