// SPDX-License-Identifier: MIT
#include "lab/signature.hpp"

#include <gtest/gtest.h>

namespace linstub::lab {
namespace {

TEST(EmulatorFailure, IsNotSeenInAQuietConsole) {
  EXPECT_FALSE(emulator_failure(""));
  EXPECT_FALSE(emulator_failure("(XEN) HVM d1v0 save: CPU\n(d1) HVM Loader\n"));
}

TEST(EmulatorFailure, IsNotATripleFaultThatTheGuestMeant) {
  EXPECT_FALSE(emulator_failure("(XEN) d4v0 Triple fault - invoking HVM shutdown action 1\n"
                                "(XEN) *** Dumping Dom4 vcpu#0 state: ***\n"
                                "(XEN) RIP:    0010:[<ffffffff8102b9a1>]\n"
                                "(XEN) cr3: 0000000002812000   cr2: 00007f3a80081000\n"));
}

TEST(EmulatorFailure, IsAGuestThatCannotReadItsInterruptTable) {
  auto failure = emulator_failure("(XEN) d1v0 Triple fault - invoking HVM shutdown action 1\n"
                                  "(XEN) RIP:    0010:[<ffffffff81f02a1e>]\n"
                                  "(XEN) cr3: 0000000003216000   cr2: fffffe0000000080\n");
  ASSERT_TRUE(failure);
  EXPECT_TRUE(failure->contains("interrupt table"));
}

TEST(EmulatorFailure, IsAGuestAtAnAddressOfXen) {
  auto failure = emulator_failure("(XEN) d1v0 Triple fault - invoking HVM shutdown action 1\n"
                                  "(XEN) RIP:    e008:[<ffff82d0402aefe4>]\n");
  ASSERT_TRUE(failure);
  EXPECT_TRUE(failure->contains("Xen's own"));
}

TEST(EmulatorFailure, IsADom0ThatDied) {
  EXPECT_TRUE(emulator_failure("(XEN) Hardware Dom0 crashed: rebooting machine in 5 seconds.\n"));
  EXPECT_TRUE(
      emulator_failure("[  484.1] INFO: task jbd2/vda-8 blocked for more than 120 seconds.\n"
                       "[  484.2]  virtblk_done+0x1/0x2\n"));
}

} // namespace
} // namespace linstub::lab
