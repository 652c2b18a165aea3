// SPDX-License-Identifier: MIT
#include "lab/kernel_modules.hpp"

#include <gmock/gmock.h>

namespace linstub::lab {
namespace {

using testing::ElementsAre;

constexpr const char *dependencies =
    "kernel/drivers/ata/ata_piix.ko.xz: kernel/drivers/ata/libata.ko.xz "
    "kernel/drivers/scsi/scsi_mod.ko.xz kernel/drivers/scsi/scsi_common.ko.xz\n"
    "kernel/drivers/scsi/sd_mod.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz "
    "kernel/drivers/scsi/scsi_common.ko.xz\n"
    "kernel/drivers/net/e1000.ko.xz:\n";

TEST(KernelModules, AreNamedByTheirFiles) {
  EXPECT_EQ(module_name("kernel/drivers/scsi/sd_mod.ko.xz"), "sd_mod");
  EXPECT_EQ(module_name("e1000.ko"), "e1000");
}

TEST(KernelModules, ComeBehindWhatTheyNeedAndOnlyOnce) {
  auto order = module_order(dependencies, {"ata_piix", "sd_mod", "e1000"});
  ASSERT_TRUE(order) << order.error().message();
  EXPECT_THAT(*order,
              ElementsAre("kernel/drivers/scsi/scsi_common.ko.xz",
                          "kernel/drivers/scsi/scsi_mod.ko.xz", "kernel/drivers/ata/libata.ko.xz",
                          "kernel/drivers/ata/ata_piix.ko.xz", "kernel/drivers/scsi/sd_mod.ko.xz",
                          "kernel/drivers/net/e1000.ko.xz"));
}

TEST(KernelModules, ThatTheKernelHasNotAreAnError) {
  auto order = module_order(dependencies, {"floppy"});
  ASSERT_FALSE(order);
  EXPECT_EQ(order.error().message(), "this kernel has no module floppy");
}

} // namespace
} // namespace linstub::lab
