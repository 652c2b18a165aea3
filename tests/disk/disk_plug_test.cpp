// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "disk/block_device.hpp"
#include "disk/disk_plug.hpp"
#include "fake/loop_device.hpp"
#include "fake/xenstore.hpp"
#include "run/directory.hpp"

#include <gmock/gmock.h>
#include <sys/sysmacros.h>

namespace linstub::disk {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// xvdc is device 51744 (Xen's xen-vbd-interface.7: 202 << 8 | 2 << 4).
class DiskPlug : public ::testing::Test {
protected:
  DiskPlug() {
    fake::loops().clear();
    EXPECT_TRUE(run::make_directory());
    EXPECT_TRUE(base::replace_file(image, "an image"));
  }
  base::Result<> plug(DiskMode mode = DiskMode::read_only) {
    return plug_disk(client, xen::DomId{5}, {.path = image, .vdev = "xvdc", .mode = mode}, "/hot");
  }
  std::string at(const std::string &directory, const std::string &node) {
    return store.read(directory + "/" + node).value_or("(none)");
  }

  fake::Xenstore store;
  xen::Xenstore client = xen::Xenstore::connect().value();
  const std::string image = std::string(run::directory()) + "/image";
  const std::string frontend = "/local/domain/5/device/vbd/51744";
  const std::string backend = "/local/domain/0/backend/vbd/5/51744";
  const std::string toolstack = "/libxl/5/device/vbd/51744";
};

TEST_F(DiskPlug, WritesWhatLibxlWouldAndItsScript) {
  auto plugged = plug();
  ASSERT_TRUE(plugged) << plugged.error().message();
  ASSERT_THAT(fake::loops(), SizeIs(1));
  EXPECT_EQ(fake::loops()[0].file, image);
  EXPECT_EQ(fake::loops()[0].access, LoopAccess::read_only);
  for (const std::string &directory : {backend, toolstack}) {
    EXPECT_EQ(at(directory, "frontend"), frontend);
    EXPECT_EQ(at(directory, "params"), image);
    EXPECT_EQ(at(directory, "script"), "/hot");
    EXPECT_EQ(at(directory, "dev"), "xvdc");
    EXPECT_EQ(at(directory, "mode"), "r");
    EXPECT_EQ(at(directory, "discard-enable"), "0");
    EXPECT_EQ(at(directory, "frontend-id"), "5");
    EXPECT_EQ(at(directory, "online"), "1");
    EXPECT_EQ(at(directory, "node"), fake::loops()[0].device) << "for the script to remove it";
    EXPECT_EQ(at(directory, "physical-device"), "00:0");
    EXPECT_EQ(at(directory, "hotplug-status"), "connected");
    EXPECT_EQ(at(directory, "state"), "1");
  }
  EXPECT_EQ(at(toolstack, "backend"), backend);
  EXPECT_EQ(at(frontend, "backend"), backend);
  EXPECT_EQ(at(frontend, "backend-id"), "0");
  EXPECT_EQ(at(frontend, "virtual-device"), "51744");
  EXPECT_EQ(at(frontend, "device-type"), "disk");
  EXPECT_EQ(at(frontend, "state"), "1");
}

TEST_F(DiskPlug, LetsEachEndWriteToItsOwnDirectoryOnly) {
  ASSERT_TRUE(plug());
  EXPECT_EQ(store.permissions(backend + "/state"), "n0 r5");
  EXPECT_EQ(store.permissions(frontend + "/state"), "n5 r0");
  EXPECT_EQ(store.permissions(toolstack + "/state"), "n0");
}

TEST_F(DiskPlug, IsWritableIfAsked) {
  ASSERT_TRUE(plug(DiskMode::read_write));
  EXPECT_EQ(at(backend, "mode"), "w");
  EXPECT_EQ(at(backend, "discard-enable"), "1");
  EXPECT_EQ(fake::loops().at(0).access, LoopAccess::read_write);
}

TEST_F(DiskPlug, LeavesADiskThatIsThereAlone) {
  store.write(toolstack + "/backend", "its own");
  auto plugged = plug();
  ASSERT_FALSE(plugged);
  EXPECT_EQ(plugged.error().message(), "plug disk xvdc: a former one is still there");
  EXPECT_THAT(fake::loops(), IsEmpty());
  EXPECT_EQ(at(toolstack, "backend"), "its own");
  EXPECT_EQ(at(frontend, "backend"), "(none)");
}

TEST_F(DiskPlug, LeavesNothingWhenXenstoreRefuses) {
  store.fail(fake::Request::write, frontend + "/state", EACCES);
  auto plugged = plug();
  ASSERT_FALSE(plugged);
  EXPECT_THAT(plugged.error().message(), HasSubstr("plug disk xvdc"));
  EXPECT_THAT(fake::loops(), IsEmpty());
  EXPECT_EQ(at(backend, "state"), "(none)");
}

TEST_F(DiskPlug, RefusesWhatIsNoDiskOrNoImage) {
  EXPECT_FALSE(plug_disk(client, xen::DomId{5}, {.path = image, .vdev = "../x"}, "/hot"));
  auto none = plug_disk(client, xen::DomId{5}, {.path = "/nonexistent", .vdev = "xvdc"}, "/hot");
  EXPECT_THAT(none.error().message(), HasSubstr("/nonexistent"));
  auto null = plug_disk(client, xen::DomId{5}, {.path = "/dev/null", .vdev = "xvdc"}, "/hot");
  EXPECT_THAT(null.error().message(), HasSubstr("neither a file nor a block device"));
  EXPECT_THAT(fake::loops(), IsEmpty());
  EXPECT_EQ(at(toolstack, "backend"), "(none)");
}

TEST(PhysicalDevice, IsWrittenAsNoScriptOfXensWouldWriteIt) {
  EXPECT_EQ(physical_device(makedev(7, 26)), "07:1a");
}

} // namespace
} // namespace linstub::disk
