// SPDX-License-Identifier: MIT
#include "stub/memory_use.hpp"

#include <gmock/gmock.h>

namespace linstub::stub {
namespace {

using testing::HasSubstr;
using testing::Optional;

wire::Memory of(uint64_t available, uint64_t total = 50000) {
  return {.total = total,
          .available = available,
          .least = 0,
          .free = 900,
          .programs = 800,
          .files = 700};
}

TEST(MemoryUseTest, ReadsTheKernelsTable) {
  const auto memory = parse_meminfo("MemTotal:          51234 kB\nMemFree:            3000 kB\n"
                                    "MemAvailable:      20000 kB\nBuffers:               4 kB\n"
                                    "Cached:             9000 kB\nSwapCached:            7 kB\n"
                                    "AnonPages:          6000 kB\nShmem:               100 kB\n");
  ASSERT_TRUE(memory) << memory.error().message();
  EXPECT_EQ(*memory, (wire::Memory{.total = 51234,
                                   .available = 20000,
                                   .least = 0,
                                   .free = 3000,
                                   .programs = 6100,
                                   .files = 8904}));
  EXPECT_THAT(parse_meminfo("MemTotal: 5 kB\n").error().message(), HasSubstr("Shmem"));
  EXPECT_THAT(parse_meminfo("Shmem: many kB\n").error().message(), HasSubstr("Shmem"));
}

TEST(MemoryUseTest, TellsWhatHasChanged) {
  MemoryUse use;
  EXPECT_THAT(use.take(of(20000)), Optional(std::string("50000 20000 20000 900 800 700")));
  EXPECT_EQ(use.take(of(20000)), std::nullopt);
  EXPECT_EQ(use.take(of(20100)), std::nullopt) << "nearly the same";
  EXPECT_THAT(use.take(of(19999)), Optional(std::string("50000 19999 19999 900 800 700")));
  EXPECT_THAT(use.take(of(30000)), Optional(std::string("50000 30000 19999 900 800 700")));
  EXPECT_THAT(use.take(of(30000, 66000)), Optional(std::string("66000 30000 19999 900 800 700")));
}

TEST(MemoryUseTest, SaysOnceThatItRunsShort) {
  MemoryUse use;
  use.take(of(20000));
  EXPECT_FALSE(use.is_short());
  use.take(of(3000));
  EXPECT_TRUE(use.is_short());
  use.take(of(2500));
  EXPECT_FALSE(use.is_short()) << "it was said";
}

} // namespace
} // namespace linstub::stub
