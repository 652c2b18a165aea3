// SPDX-License-Identifier: MIT
#include "plan/description.hpp"

#include <gmock/gmock.h>

namespace linstub::plan {
namespace {

TEST(Description, ComesBackAsItWas) {
  Description description{
      .guest = xen::DomId{7},
      .name = "g-dm",
      .image = "i",
      .may_be_spare = true,
      .kernel = "/k",
      .ramdisk = "/r",
      .command_line = "quiet",
      .type = xen::DomainType::pvh,
      .memory = 64,
      .limits = {.cpu_weight = 1,
                 .cpu_cap = 2,
                 .max_grant_frames = 3,
                 .max_maptrack_frames = 4,
                 .max_event_channels = 5},
      .log_level = "info",
      .arguments = {"-name", "a \"b\"\n"},
      .disks = {{.path = "/d", .vdev = "xvda", .mode = disk::DiskMode::read_only}},
      .files = {{.device = "xvda", .size = 9, .path = "/run/files/kernel"}},
      .nics = {{.index = 1, .interface = "vif7.1-emu", .bridge = "br", .mac = "m"}}};
  auto again = decode_description(encode(description));
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(encode(*again), encode(description));
  EXPECT_EQ(again->disks, description.disks);
  EXPECT_EQ(again->nics, description.nics);
  EXPECT_EQ(again->limits, description.limits);
  EXPECT_FALSE(decode_description("{}"));
  EXPECT_FALSE(decode_description("["));
}

} // namespace
} // namespace linstub::plan
