// SPDX-License-Identifier: MIT
// The rule that keeps dom0's udev away from what guests have written. Whether udev obeys is seen in
// the lab.
#include "base/fd.hpp"
#include "disk/loop_device.hpp"

#include <gmock/gmock.h>

#include <cstdint>

namespace linstub::disk {
namespace {

using testing::HasSubstr;

TEST(UdevRule, KnowsOurLoopDevicesByTheirMark) {
  const std::string rules = base::read_file(LINSTUB_UDEV_RULES, 8192).value();
  EXPECT_THAT(rules, HasSubstr(base::format("ATTRS{{loop/sizelimit}}==\"{}\"", loop_mark)));
  for (const char *flag : {"UDEV_DISABLE_PERSISTENT_STORAGE_RULES_FLAG}=\"1\"",
                           "DM_UDEV_DISABLE_OTHER_RULES_FLAG}=\"1\"", "SYSTEMD_READY}=\"0\""})
    EXPECT_THAT(rules, HasSubstr(flag));
}

// The kernel takes it for a signed number, and for the end of the device if that comes before the
// end of the file.
TEST(UdevRule, HasAMarkThatLimitsNoDevice) {
  EXPECT_LT(loop_mark, static_cast<uint64_t>(INT64_MAX));
  EXPECT_GT(loop_mark, uint64_t{16} << 50) << "16 PiB";
}

} // namespace
} // namespace linstub::disk
