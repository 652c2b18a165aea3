// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "fake/loop_device.hpp"
#include "fake/xenstore.hpp"
#include "run/directory.hpp"
#include "stubdom/hotplug.hpp"

#include <gmock/gmock.h>

namespace linstub::stubdom {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class Hotplug : public ::testing::Test {
protected:
  Hotplug() {
    fake::loops().clear();
    EXPECT_TRUE(run::make_directory());
    EXPECT_TRUE(base::replace_file(image, "an image"));
  }
  std::string at(const HotplugDevice &device, const std::string &node) {
    return store.read(device.backend + "/" + node).value_or("(none)");
  }

  fake::Xenstore store;
  xen::Xenstore client = xen::Xenstore::connect().value();
  const std::string image = std::string(run::directory()) + "/image";
  const HotplugDevice disk{.type = "vbd", .backend = "backend/vbd/5/51712"};
  const HotplugDevice vif{.type = "vif", .backend = "/backend/vif/5/0"};
};

TEST_F(Hotplug, RemovesTheLoopDeviceOfADisk) {
  const auto loop = disk::make_loop(image, disk::LoopAccess::read_only);
  ASSERT_TRUE(loop) << loop.error().message();
  store.write(disk.backend + "/node", *loop);
  ASSERT_TRUE(hotplug(client, disk, "remove"));
  EXPECT_THAT(fake::loops(), IsEmpty());
}

TEST_F(Hotplug, HasNothingToRemoveOfABlockDevice) {
  EXPECT_TRUE(hotplug(client, disk, "remove"));
  EXPECT_EQ(at(disk, "hotplug-error"), "(none)");
}

TEST_F(Hotplug, TellsLibxlWhyItHasFailed) {
  store.write(disk.backend + "/node", "/dev/loop77");
  ASSERT_FALSE(hotplug(client, disk, "remove")) << "there is no such device here";
  EXPECT_THAT(at(disk, "hotplug-error"), HasSubstr("/dev/loop77"));
  EXPECT_EQ(at(disk, "hotplug-status"), "error");
}

TEST_F(Hotplug, LeavesAnInterfaceThatGoesToTheKernel) {
  EXPECT_TRUE(hotplug(client, vif, "offline"));
  EXPECT_EQ(at(vif, "hotplug-status"), "(none)");
}

TEST_F(Hotplug, RefusesWhatLibxlDoesNotAsk) {
  for (const char *command : {"", "add", "online"}) {
    auto done = hotplug(client, disk, command);
    ASSERT_FALSE(done) << command;
    EXPECT_THAT(done.error().message(), HasSubstr("run by libxl"));
  }
  EXPECT_FALSE(hotplug(client, {.type = "vtpm", .backend = disk.backend}, "online"));
  EXPECT_EQ(at(disk, "hotplug-status"), "(none)");
}

} // namespace
} // namespace linstub::stubdom
