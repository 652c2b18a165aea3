// SPDX-License-Identifier: MIT
#include "stub/disk_errors.hpp"

#include <gtest/gtest.h>

namespace linstub::stub {
namespace {

TEST(DiskErrors, AreOfWhatWasWrittenOrFlushed) {
  EXPECT_EQ(disk_that_lost_data("I/O error, dev xvdb, sector 10152 op 0x1:(WRITE) flags 0x104000 "
                                "phys_seg 32 prio class 2"),
            "xvdb");
  EXPECT_EQ(disk_that_lost_data("critical space allocation error, dev xvda, sector 0 op "
                                "0x9:(WRITE_ZEROES) flags 0x0 phys_seg 0 prio class 2"),
            "xvda");
  EXPECT_EQ(disk_that_lost_data("blkfront: xvdab: empty flush op failed"), "xvdab");
}

TEST(DiskErrors, OfOtherKindsLoseNothing) {
  for (const char *message :
       {"I/O error, dev xvdb, sector 10152 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2",
        "I/O error, dev xvdb, sector 10152 op 0x3:(DISCARD) flags 0x0 phys_seg 1 prio class 2",
        "blkfront: xvda: discard op failed", "blkfront: xvda: flush op failed",
        "blkfront: xvda: flush diskcache: enabled;",
        "I/O error, dev ../../x, sector 1 op 0x1:(WRITE)", "error, dev , sector :(WRITE)",
        "error, dev averylongname, sector 1 op 0x1:(WRITE)", "blkfront: flush op failed", ""})
    EXPECT_FALSE(disk_that_lost_data(message)) << message;
}

TEST(DiskErrors, AreToldToDom0) {
  EXPECT_EQ(list_of_disks({"xvda", "xvdb", "xvdc"}, {"xvdb"}), "xvda xvdb! xvdc");
  EXPECT_EQ(list_of_disks({}, {"xvdb"}), "");
}

TEST(DiskErrors, OfADiskThatThereIsNotAreSaid) { EXPECT_FALSE(forbid_writes("nodisk")); }

} // namespace
} // namespace linstub::stub
